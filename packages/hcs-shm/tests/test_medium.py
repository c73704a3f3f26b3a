import os
import sys
import tempfile
from pathlib import Path

import pytest

from hcs_shm import SpillPool
from hcs_shm._medium import DISK, MEMORY, memory_folders, segment_folders, spill_folders
from hcs_shm._medium import spill_folder as chosen_spill_folder

posix = pytest.mark.skipif(sys.platform == "win32", reason="users have other folders there")


def test_the_chosen_folders_are_the_only_ones(folder: Path, spill_folder: Path) -> None:
    assert memory_folders() == [folder]
    assert spill_folders() == [spill_folder]
    assert segment_folders() == [folder, spill_folder]


def test_a_folder_chosen_for_both_is_looked_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_SPILL_DIR", str(folder))

    assert segment_folders() == [folder]


def test_without_a_choice_private_folders_follow_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HCS_SHM_DIR")
    monkeypatch.setenv("HCS_RUNTIME_DIR", "/my/own")

    folders = memory_folders()

    assert Path("/my/own") in folders
    assert folders[0] == Path("/my/own") or folders[0].name == "shm"


@posix
def test_without_a_choice_images_are_spilled_to_a_private_folder_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HCS_SPILL_DIR")
    private = f"hcs-{os.getuid()}"

    monkeypatch.setenv("XDG_CACHE_HOME", "/my/own")
    own = Path("/my/own/hcs/spill")

    assert spill_folders(tmp_path) == [tmp_path / private, own]
    assert spill_folders(tmp_path / "missing") == [Path(tempfile.gettempdir(), private, "spill"), own]


@posix
def test_a_user_without_a_home_has_one_folder_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HCS_SPILL_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "no/absolute/one")

    assert spill_folders(tmp_path) == [tmp_path / f"hcs-{os.getuid()}"]


@posix
def test_images_are_spilled_to_the_home_if_another_user_has_the_best_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    best, home = tmp_path / "best", tmp_path / "home"
    monkeypatch.setattr("hcs_shm._medium.spill_folders", lambda: [best, home])
    assert chosen_spill_folder() == best  # which is not there yet

    best.mkdir()
    best.chmod(0o777)

    assert chosen_spill_folder() == home
    assert f"{best} is not this user's alone: images go to {home}" in caplog.text
    pool = SpillPool()
    pool.spill(memoryview(bytes(100)))
    assert [path.parent for path in tmp_path.rglob("hcs-*")] == [home]
    pool.close()


def test_a_measured_budget_is_a_quarter_of_what_is_free_and_bounded(tmp_path: Path) -> None:
    assert 0 < MEMORY.measured_budget(tmp_path) <= 1 << 30
    assert 0 < DISK.measured_budget(tmp_path) <= 16 << 30


def test_each_medium_has_its_own_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_SHM_BUDGET", "1000")
    monkeypatch.setenv("HCS_SPILL_BUDGET", "2000")

    assert (MEMORY.chosen_budget(), DISK.chosen_budget()) == (1000, 2000)
