import sys
from pathlib import Path

import pytest

from hcs_shm import _headroom
from hcs_shm._headroom import cgroup_headroom, chosen_nbytes, disk_headroom, memory_headroom


def group(folder: Path, limit: str, usage: int, *, cached: int = 0, old: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if old else ("memory.max", "memory.current")
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{usage}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\nactive_file 1\n")


def membership(folder: Path, text: str) -> Path:
    file = folder / "membership"
    file.write_text(text)
    return file


def test_the_narrowest_group_above_us_decides(tmp_path: Path) -> None:
    group(tmp_path / "root/outer", "1000", 300)
    group(tmp_path / "root/outer/inner", "max", 200)

    room = cgroup_headroom(tmp_path / "root", membership(tmp_path, "0::/outer/inner\n"))

    assert room == 1000 - 300 + 1


def test_cached_files_count_as_free(tmp_path: Path) -> None:
    group(tmp_path / "root", "1000", 990, cached=500)

    assert cgroup_headroom(tmp_path / "root", membership(tmp_path, "0::/\n")) == 10 + 501


def test_a_container_sees_its_group_at_the_top(tmp_path: Path) -> None:
    group(tmp_path / "root/memory", "1000", 400, old=True)

    room = cgroup_headroom(tmp_path / "root", membership(tmp_path, "5:cpu:/x\n4:memory:/docker/abc\n"))

    assert room == 601


def test_a_group_outside_of_what_we_see_is_the_top(tmp_path: Path) -> None:
    group(tmp_path / "root", "1000", 400)
    group(tmp_path, "1", 1)

    assert cgroup_headroom(tmp_path / "root", membership(tmp_path, "0::/../..\n")) == 601


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert cgroup_headroom(tmp_path / "root", tmp_path / "missing") == sys.maxsize


@pytest.mark.parametrize(("free", "left", "room"), [(7, 5, 5), (5, 7, 5), (0, sys.maxsize, 0)])
def test_memory_has_at_most_as_much_room_as_its_folder(
    free: int, left: int, room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_headroom, "disk_headroom", lambda folder: free if folder == tmp_path else -1)
    monkeypatch.setattr(_headroom, "cgroup_headroom", lambda: left)

    assert memory_headroom(tmp_path) == room


def test_a_folder_and_the_memory_in_it_have_room(tmp_path: Path) -> None:
    assert disk_headroom(tmp_path) > 0
    assert memory_headroom(tmp_path) > 0


def test_a_chosen_number_of_bytes_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_SHM_BUDGET", "123456")
    assert chosen_nbytes("HCS_SHM_BUDGET") == 123456

    monkeypatch.setenv("HCS_SHM_BUDGET", "")
    assert chosen_nbytes("HCS_SHM_BUDGET") is None


@pytest.mark.parametrize("text", ["1 GiB", "-1", "1e9", "٣"])
def test_what_is_no_number_of_bytes_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_SPILL_BUDGET", text)

    with pytest.raises(ValueError, match=r"HCS_SPILL_BUDGET as a number of bytes, got '"):
        chosen_nbytes("HCS_SPILL_BUDGET")
