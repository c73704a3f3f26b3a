"""`hcs-stream watch`: what is said before anything is watched."""

import os
from pathlib import Path

import pytest

from hcs_stream.cli import main


def test_a_folder_that_may_not_be_looked_into_is_not_watched_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def scandir(path: Path) -> object:  # root may look everywhere
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", scandir)

    status = main(["watch", str(tmp_path), "--idle", "0.1", "--port", "1"])

    assert (status, capsys.readouterr().err) == (
        1,
        f"hcs-stream: [Errno 13] Permission denied: '{tmp_path}'\n",
    )
