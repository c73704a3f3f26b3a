import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hcs_protocol.testing import FakeClock
from hcs_shm import BlockPool, FoundSegment, list_segments, sweep

Run = Callable[..., str]

KILLED = """
import os
from hcs_shm import BlockPool
pool = BlockPool()
block = pool.lend(100)
owed = pool.lend(1 << 20)
pool.record(owed.ref, b"descriptor")
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
    pool.record(pool.lend(200).ref, b"descriptor")

    (found,) = list_segments()

    assert (found.name, found.path) == (pool.offer.name, folder / pool.offer.name)
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
    clock = FakeClock(leftovers[1].recorded_at + 59)
    sweep(grace_seconds=60, clock=clock)
    kept = list_segments()

    clock.advance(1)
    sweep(grace_seconds=60, clock=clock)

    assert kept == leftovers[1:]
    assert list_segments() == []


def test_a_living_owners_segment_is_never_removed(pool: BlockPool) -> None:
    removed = sweep(grace_seconds=0.0, clock=FakeClock(1e12))

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
