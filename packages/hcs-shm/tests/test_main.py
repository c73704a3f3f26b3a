import os
import subprocess
import sys

import pytest

import hcs_shm.__main__
from hcs_shm import BlockPool, SpillPool

KILLED = """
import os
from hcs_shm import BlockPool
pool = BlockPool()
pool.record(pool.lend(9).ref, b"entry", 1)
os._exit(0)
"""


def hcs_shm_command(*arguments: str) -> str:
    command = [sys.executable, "-m", "hcs_shm", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=True).stdout


def test_who_has_read_enough_may_close_the_pipe() -> None:
    pool = BlockPool(budget=64 << 20)
    pool.lend(4 << 20)
    reader, writer = os.pipe()
    os.close(reader)

    listed = subprocess.run(
        [sys.executable, "-m", "hcs_shm"], stdout=writer, stderr=subprocess.PIPE, timeout=50
    )
    os.close(writer)
    pool.close()

    assert (listed.returncode, listed.stderr) == (0, b"")


def leave_a_segment() -> None:
    subprocess.run([sys.executable, "-c", KILLED], timeout=50, check=True)


def test_each_segment_is_a_line() -> None:
    pool = BlockPool(budget=64 << 20)
    pool.lend(4 << 20)
    spills = SpillPool(budget=64 << 20)
    spills.spill(memoryview(bytes(1 << 20)))

    lines = hcs_shm_command().splitlines()
    pool.close()
    spills.close()

    assert sorted(" ".join(line.split()[1:]) for line in lines) == [
        "0.3 MiB memory 0 blocks lent owner alive",
        "32 MiB memory 1 blocks lent owner alive",
        "8.0 MiB disk 1 blocks lent owner alive",
    ]
    assert all(line.startswith(f"hcs-{os.getpid()}-") for line in lines)


def test_leftovers_are_listed_and_removed_when_asked() -> None:
    leave_a_segment()

    listed, removed, afterwards = hcs_shm_command(), hcs_shm_command("--clean"), hcs_shm_command()

    assert listed.endswith("1 blocks lent  owner gone    (remove with --clean)\n")
    assert removed.endswith("1 blocks lent  removed\n")
    assert afterwards == ""


def test_a_living_owners_segment_survives_a_cleaning() -> None:
    pool = BlockPool()

    assert hcs_shm_command("--clean") == ""
    assert "owner alive" in hcs_shm_command()
    pool.close()


def test_help_is_the_modules_docstring() -> None:
    assert (hcs_shm.__main__.__doc__ or "no docstring") in hcs_shm_command("--help")


def test_an_unknown_flag_ends_with_2() -> None:
    with pytest.raises(SystemExit) as ended:
        hcs_shm.__main__.main(["--wash"])

    assert ended.value.code == 2
