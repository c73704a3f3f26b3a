import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hcs_shm._platform import (
    boot_id,
    open_new,
    process_is_alive,
    process_start,
    read_at,
    write_at,
)

Run = Callable[..., str]

ELSEWHERE = """
import os, sys
sys.modules["fcntl"] = None
import importlib.metadata, hcs_protocol, numpy
for name in ("posix_fallocate", "O_NOFOLLOW", "register_at_fork", "pwrite", "preadv"):
    if hasattr(os, name):
        delattr(os, name)
import pathlib
import hcs_shm, hcs_shm._medium, hcs_shm._platform
missing = pathlib.Path("/dev/null/none")
hcs_shm._medium.SHARED_MEMORY = hcs_shm._platform.SHARED_MEMORY = missing
"""

LENDS = """
pool = hcs_shm.BlockPool(budget=16 << 20)
block = pool.lend(1 << 20)
block.pixels[:] = b"p" * (1 << 20)
reader = hcs_shm.BlockReader()
print(pool.offer.folder)
print(bytes(reader.open(block.ref)) == block.pixels, reader.read_nonce(pool.offer) == pool.nonce)
print([(found.lent, found.owner_alive) for found in sorted(hcs_shm.list_segments(), key=lambda f: f.nbytes)])
print(hcs_shm.sweep(grace_seconds=0.0))
"""

SPILLS = """
pool = hcs_shm.SpillPool(budget=16 << 20)
ref = pool.spill(memoryview(b"p" * (1 << 20)))
print(bytes(pool.read(ref)) == bytes(hcs_shm.BlockReader().open(ref)) == b"p" * (1 << 20))
"""


def test_without_locks_reservation_and_shared_memory_segments_lie_in_a_private_folder(
    run_python: Run, folder: Path
) -> None:
    printed = run_python(ELSEWHERE + LENDS, HCS_SHM_DIR="", HCS_RUNTIME_DIR=str(folder / "run"))

    assert printed.splitlines() == [str(folder / "run"), "True True", "[(0, True), (1, True)]", "[]"]
    assert list((folder / "run").iterdir()) == []


def test_without_writes_that_say_where_spilled_pixels_lie_where_they_belong(run_python: Run) -> None:
    assert run_python(ELSEWHERE + SPILLS) == "True\n"


def test_without_locks_a_dead_process_still_counts_as_gone(run_python: Run) -> None:
    run_python(ELSEWHERE + "pool = hcs_shm.BlockPool()\nos._exit(0)")

    printed = run_python(ELSEWHERE + "print([found.owner_alive for found in hcs_shm.sweep()])")

    assert printed == "[False]\n"


def test_this_process_is_alive() -> None:
    start = process_start(os.getpid())

    assert start is not None
    assert process_is_alive(os.getpid(), start, boot_id())


def test_a_process_of_which_only_the_number_is_known_counts_as_alive() -> None:
    assert process_is_alive(os.getpid(), 0, "")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="starts are not told there")
def test_another_process_with_the_same_number_is_not_the_one() -> None:
    start = process_start(os.getpid()) or 0

    assert not process_is_alive(os.getpid(), start + 1, boot_id())


@pytest.mark.skipif(not boot_id(), reason="boots have no names there")
def test_a_process_of_another_boot_is_not_the_one() -> None:
    assert not process_is_alive(os.getpid(), process_start(os.getpid()) or 0, "another boot")


@pytest.mark.parametrize("pid", [1 << 30, (1 << 64) - 1])
@pytest.mark.skipif(sys.platform == "win32", reason="numbers are narrower there")
def test_a_number_that_no_process_has_is_not_alive(pid: int) -> None:
    assert not process_is_alive(pid, 1, boot_id())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="ends are not told there")
def test_a_process_that_ended_is_gone_before_its_parent_looks() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

        assert process_start(process.pid) is None


def test_pixels_are_written_and_read_at_their_place(tmp_path: Path) -> None:
    descriptor = open_new(tmp_path / "file")

    write_at(descriptor, memoryview(b"pixels"), 5000)

    assert bytes(read_at(descriptor, 5002, 3)) == b"xel"
    with pytest.raises(OSError, match="shorter"):
        read_at(descriptor, 5000, 7)
    os.close(descriptor)
