import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_protocol.testing import FakeClock
from hcs_shm import BlockPool, FoundSegment, list_segments, sweep
from hcs_shm._header import MAGIC, Header, Kind
from hcs_shm._locks import hold_lock, let_go
from hcs_shm._platform import boot_id
from hcs_shm._segment import create_segment

Run = Callable[..., str]

KILLED = """
import os
from hcs_shm import BlockPool
pool = BlockPool()
block = pool.lend(100)
owed = pool.lend(1 << 20)
pool.record(owed.ref, b"entry", 2)
pool.settle(owed.ref, 0)
os._exit(0)
"""


@pytest.fixture
def pool() -> Iterator[BlockPool]:
    with_a_budget = BlockPool(budget=16 << 20)
    yield with_a_budget
    with_a_budget.close()


@pytest.fixture
def leftovers(run_python: Run) -> Iterator[list[FoundSegment]]:
    """A segment of which a block was lent, and one that owes an image; their owner is gone."""
    run_python(KILLED)
    yield sorted(list_segments(), key=lambda segment: segment.nbytes)
    sweep(grace_seconds=0.0)


def test_a_living_owners_segment_is_listed(pool: BlockPool, folder: Path) -> None:
    pool.lend(100)
    pool.record(pool.lend(200).ref, b"entry", 1)

    (found,) = list_segments()

    assert (found.name, found.path) == (pool.offer.name, folder / pool.offer.name)
    assert found.kind == "memory"
    assert (found.lent, found.owed, found.owner_alive) == (2, 1, True)
    assert found.nbytes == found.path.stat().st_size


def test_a_dead_owners_segments_are_listed(leftovers: list[FoundSegment]) -> None:
    counted = [(found.lent, found.owed, found.owner_alive) for found in leftovers]

    assert counted == [(1, 0, False), (1, 1, False)]


def test_a_dead_owners_segment_is_removed_if_it_owes_nothing(leftovers: list[FoundSegment]) -> None:
    removed = sweep()

    assert removed == leftovers[:1]
    assert list_segments() == leftovers[1:]


def test_an_owed_image_keeps_its_segment_for_a_time(leftovers: list[FoundSegment]) -> None:
    uptime = FakeClock(time.monotonic())
    sweep(grace_seconds=60, uptime=uptime)
    kept = list_segments()

    uptime.advance(60)
    sweep(grace_seconds=60, uptime=uptime)

    assert kept == leftovers[1:]
    assert list_segments() == []


@pytest.mark.skipif(not boot_id(), reason="boots have no names there")
@pytest.mark.parametrize("years", [-50, 50])
def test_a_clock_that_jumped_removes_nothing_that_is_owed(years: int, leftovers: list[FoundSegment]) -> None:
    sweep(clock=FakeClock(time.time() + years * 365 * 86400))

    assert list_segments() == leftovers[1:]


@pytest.mark.skipif(not boot_id(), reason="boots have no names there")
def test_a_clock_that_was_wrong_when_an_image_was_recorded_keeps_it_no_longer(folder: Path) -> None:
    segment = dead_segment(folder, boot_id(), recorded_at=1 << 33, uptime=100)

    assert not sweep(uptime=FakeClock(100 + 3599))
    assert [found.path for found in sweep(uptime=FakeClock(100 + 3600))] == [segment]


@pytest.mark.skipif(not boot_id(), reason="boots have no names there")
def test_what_was_recorded_before_a_reboot_waits_from_the_boot_on(folder: Path) -> None:
    segment = dead_segment(folder, "another boot", recorded_at=5, uptime=1 << 33)

    assert not sweep(uptime=FakeClock(3599), clock=FakeClock(1e12))
    assert [found.path for found in sweep(uptime=FakeClock(3600), clock=FakeClock(0))] == [segment]


def test_where_boots_have_no_names_the_later_of_record_and_file_counts(folder: Path) -> None:
    recorded = dead_segment(folder, "", recorded_at=5000)
    os.utime(recorded, (4000, 4000))
    touched = dead_segment(folder, "", recorded_at=0)
    os.utime(touched, (6000, 6000))
    clock = FakeClock(5000 - 86400)

    swept = []
    for now in (5000 - 86400, 5000 + 3599, 5000 + 3600, 6000 + 3599, 6000 + 3600):
        clock.now = now
        swept.append([found.path for found in sweep(clock=clock)])

    assert swept == [[], [], [recorded], [], [touched]]


def dead_segment(folder: Path, boot: str, *, recorded_at: int, uptime: int = 0) -> Path:
    """Make a segment that owes an image, whose owner is gone; times are in seconds."""
    header = Header(
        kind=Kind.DISK,
        slot_count=1,
        slot_nbytes=4096,
        pid=1 << 22,
        start=1,
        boot_id=boot,
        worker_run="w",
        nonce="n",
    )
    segment = create_segment(folder, header)
    segment.journal.lend(0, 1, 100)
    segment.journal.record(0, b"entry", 1, recorded_at * 10**9, uptime * 10**9)
    segment.unlock()
    return segment.path


def test_a_living_owners_segment_is_never_removed(pool: BlockPool) -> None:
    removed = sweep(grace_seconds=0.0, clock=FakeClock(1e12), uptime=FakeClock(1e12))

    assert removed == []
    assert len(list_segments()) == 1


def test_sweepers_at_the_same_time_remove_each_segment_once(run_python: Run) -> None:
    run_python(KILLED.replace("pool =", "pools = [BlockPool() for _ in range(19)]; pool ="))
    removed: list[FoundSegment] = []
    sweepers = [threading.Thread(target=lambda: removed.extend(sweep(grace_seconds=0.0))) for _ in range(4)]

    for sweeper in sweepers:
        sweeper.start()
    for sweeper in sweepers:
        sweeper.join()

    assert len(removed) == len({found.name for found in removed}) == 21


def test_an_unfinished_segment_is_removed_after_a_minute(folder: Path) -> None:
    unfinished = folder / "hcs-1-unfinished.new"
    unfinished.touch(0o600)
    os.utime(unfinished, (1000, 1000))

    sweep(clock=FakeClock(1060))
    assert unfinished.exists()
    sweep(clock=FakeClock(1061))
    assert not unfinished.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks there")
def test_an_unfinished_segment_that_its_maker_holds_is_left_alone_whatever_the_clock_says(
    folder: Path,
) -> None:
    unfinished = folder / "hcs-1-0123abcd.new"
    unfinished.touch(0o600)
    lock = hold_lock(unfinished)

    sweep(clock=FakeClock(1e12))

    assert unfinished.exists()
    let_go(lock)
    unfinished.unlink()


def test_an_unfinished_segment_is_not_listed(folder: Path) -> None:
    unfinished = folder / "hcs-1-unfinished.new"
    unfinished.touch(0o600)

    assert list_segments() == []
    unfinished.unlink()


def test_a_file_that_is_no_segment_is_left_alone(folder: Path) -> None:
    stranger = folder / "hcs-stranger"
    stranger.write_text("mine")
    stranger.chmod(0o600)

    assert list_segments() == sweep(grace_seconds=0.0) == []
    assert stranger.read_text() == "mine"
    stranger.unlink()


@pytest.fixture
def garbage(folder: Path) -> Path:
    path = folder / "hcs-4711-0123abcd"
    path.write_bytes(b"garbage" * 1000)
    path.chmod(0o600)
    os.utime(path, (1000, 1000))
    return path


def test_a_damaged_segment_is_listed_and_removed_after_a_time(garbage: Path) -> None:
    (listed,) = list_segments()

    young = sweep(clock=FakeClock(1000 + 3599))
    old = sweep(clock=FakeClock(1000 + 3600))

    assert (listed.kind, listed.nbytes, listed.lent) == ("damaged", 7000, 0)
    assert (young, old) == ([], [listed])
    assert not garbage.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks there")
def test_a_damaged_segment_whose_owner_lives_is_never_removed(garbage: Path) -> None:
    lock = hold_lock(garbage)

    assert [(found.kind, found.owner_alive) for found in list_segments()] == [("damaged", True)]
    assert sweep(grace_seconds=0) == []
    let_go(lock)
    garbage.unlink()


def test_a_segment_of_another_format_is_left_alone(garbage: Path) -> None:
    garbage.write_bytes(MAGIC + (2).to_bytes(4, sys.byteorder) + bytes(5000))

    assert list_segments() == sweep(grace_seconds=0) == []
    assert garbage.exists()
    garbage.unlink()


@given(at=st.integers(0, 8000), garbage=st.binary(min_size=1, max_size=300))
def test_whatever_is_written_over_a_segment_nothing_is_raised(at: int, garbage: bytes) -> None:
    folder = Path(os.environ["HCS_SHM_DIR"])
    segment = dead_segment(folder, boot_id(), recorded_at=5)
    with segment.open("r+b") as file:
        file.seek(at)
        file.write(garbage)

    list_segments()
    sweep(grace_seconds=0)
    segment.unlink(missing_ok=True)


def test_segments_on_disk_are_listed_and_removed_like_those_in_memory(
    run_python: Run, spill_folder: Path
) -> None:
    run_python(
        "import os\nfrom hcs_shm import SpillPool\npool = SpillPool()\n"
        "pool.spill(memoryview(b'pixels'))\nos._exit(0)"
    )

    (listed,) = list_segments()

    assert (listed.kind, listed.lent, listed.owner_alive) == ("disk", 1, False)
    assert listed.path.parent == spill_folder
    assert sweep() == [listed]


def test_a_missing_folder_has_no_segments(folder: Path) -> None:
    assert list_segments([folder / "missing"]) == []


OUTLIVED = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")
from hcs_shm import BlockPool
pool = BlockPool()
ready, tell = os.pipe()
child = os.fork()
if child == 0:
    os.write(tell, b".")
    os.close(0), os.close(1), os.close(2)
    signal.alarm(50)
    signal.pause()
os.read(ready, 1)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork there")
def test_an_owner_is_gone_even_if_its_forked_child_lives(run_python: Run) -> None:
    child = int(run_python(OUTLIVED, code_expected=-9))

    try:
        assert [found.owner_alive for found in list_segments()] == [False]
        assert len(sweep()) == 1
    finally:
        os.kill(child, 9)
