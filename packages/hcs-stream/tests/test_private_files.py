import os
import stat
from pathlib import Path

import pytest

from hcs_stream._private_files import open_private

pytestmark = pytest.mark.skipif(os.name == "nt", reason="wants file modes")


def test_a_new_file_is_this_users_alone(tmp_path: Path) -> None:
    with open(tmp_path / "a", "wb", opener=open_private) as file:
        file.write(b"x")

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_one_that_was_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "a").chmod(0o666)

    with open(tmp_path / "a", "ab", opener=open_private):
        pass

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")

    with pytest.raises(OSError, match="a"), open(tmp_path / "a", "wb", opener=open_private):
        pass

    assert not (tmp_path / "b").exists()


def test_another_users_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").touch()
    monkeypatch.setattr(os, "getuid", lambda: 1 << 30)

    with (
        pytest.raises(PermissionError, match="plain file of this user"),
        open(tmp_path / "a", "ab", opener=open_private),
    ):
        pass


def test_what_takes_everything_is_taken_as_it_is() -> None:
    with open(os.devnull, "wb", opener=open_private) as file:
        file.write(b"x")
