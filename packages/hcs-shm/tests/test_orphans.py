import gc
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcs_protocol import BlockRef, Destination, OrphanedImage, OrphanFinder
from hcs_shm import BlockPool, Orphans, SpillPool, list_segments, sweep
from hcs_shm._journaled import JournaledPool
from hcs_shm._platform import boot_id
from hcs_shm._segment import OwnSegment, owner_is_gone

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process cannot play dead there")

Entry = Callable[..., bytes]
NBYTES = 4096


def publish(pool: BlockPool | SpillPool, entry: bytes, value: int, destinations: int = 1) -> BlockRef:
    """Put an image of one value into a pool, as a worker does."""
    pixels = bytes([value]) * NBYTES
    if isinstance(pool, SpillPool):
        ref = pool.spill(memoryview(pixels))
    else:
        block = pool.lend(NBYTES)
        block.pixels[:] = pixels
        ref = block.ref
    pool.record(ref, entry, destinations)
    return ref


def die(*pools: JournaledPool) -> list[OwnSegment]:
    """Leave what a killed process leaves; of each pool its first segment comes first."""
    for pool in pools:
        with pool._lock:
            pool._slots._changed.wait_for(lambda slots=pool._slots: not slots._making)
        pool._finalizer.detach()
    segments = [segment for pool in pools for segment in pool._slots.segments]
    for segment in segments:
        segment.unlock()
    return segments


def port(number: int) -> Callable[[Destination], bool]:
    return lambda destination: destination.data_port == number


def adopted_by(number: int, finder: OrphanFinder | None = None) -> list[tuple[int, int]]:
    """Adopt as the viewer of this port; return each image's number and its value."""
    found: list[tuple[int, int]] = []

    def adopt(orphan: OrphanedImage) -> None:
        assert orphan.pixels.nbytes == orphan.image.spec.nbytes == NBYTES
        assert orphan.destination.data_port == number
        found.append((orphan.sequence, orphan.pixels[0]))

    counted = (finder or Orphans()).adopt_orphans(port(number), adopt)
    assert counted == len(found)
    return found


def test_a_dead_workers_images_are_adopted_from_memory_and_disk(entry: Entry) -> None:
    pools = BlockPool(budget=1 << 20), SpillPool(budget=1 << 20)
    for value, pool in enumerate(pools):
        publish(pool, entry(), value)
    die(*pools)

    assert adopted_by(5555) == [(0, 0), (0, 1)]
    assert list_segments() == []


def test_what_a_pool_owes_when_it_is_closed_it_can_leave_to_the_next_viewer(entry: Entry) -> None:
    pools = BlockPool(budget=4 << 20), SpillPool(budget=4 << 20)
    for value, pool in enumerate(pools):
        publish(pool, entry(), value)
        pool.close(leave_owed=True)
        pool.close()

    assert [(found.owed, found.owner_alive) for found in list_segments()] == [(1, False), (1, False)]
    assert adopted_by(5555) == [(0, 0), (0, 1)]


@pytest.mark.parametrize("is_mended", [False, True])
def test_what_a_pool_owes_is_left_even_if_somebody_removed_its_files(
    entry: Entry, folder: Path, spill_folder: Path, is_mended: bool
) -> None:
    pools = BlockPool(budget=4 << 20), SpillPool(budget=4 << 20)
    for value, pool in enumerate(pools):
        publish(pool, entry(), value)
    shutil.rmtree(folder)
    shutil.rmtree(spill_folder)

    for pool in pools:
        if is_mended:
            pool.mend()
        pool.close(leave_owed=True)

    assert adopted_by(5555) == [(0, 0), (0, 1)]
    assert [*folder.iterdir(), *spill_folder.iterdir()] == []


def test_images_are_said_lost_if_their_removed_file_cannot_be_written_again(
    entry: Entry, spill_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pool = SpillPool(budget=4 << 20)
    for value in range(3):
        publish(pool, entry(), value)
    shutil.rmtree(spill_folder)
    spill_folder.touch()

    pool.close(leave_owed=True)
    spill_folder.unlink()
    spill_folder.mkdir()

    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "images lost lost=3" in caplog.text


def test_a_closed_pool_leaves_nothing_of_which_nothing_is_owed(entry: Entry) -> None:
    pool = BlockPool(budget=4 << 20)
    pool.settle(publish(pool, entry(), 1), 0)
    pool.lend(1 << 20)

    pool.close(leave_owed=True)

    assert list_segments() == []


def test_pools_that_are_collected_leave_what_they_owe_and_remove_all_else(entry: Entry) -> None:
    memory, disk = BlockPool(budget=24 << 20), SpillPool(budget=24 << 20)
    for value, pool in enumerate((memory, disk)):
        publish(pool, entry(), value)
    memory.lend(1 << 20)
    disk.spill(memoryview(bytes(1 << 20)))
    assert len(list_segments()) == 4

    del memory, disk, pool
    gc.collect()

    assert [(found.owed, found.owner_alive) for found in list_segments()] == [(1, False)] * 2
    assert adopted_by(5555) == [(0, 0), (0, 1)]


def test_a_living_workers_images_are_its_own(entry: Entry) -> None:
    pool = BlockPool(budget=1 << 20)
    publish(pool, entry(), 1)

    assert adopted_by(5555) == []
    assert len(list_segments()) == 1
    pool.close()


def test_images_come_in_the_order_in_which_they_were_published(entry: Entry) -> None:
    memory, disk = BlockPool(budget=1 << 20), SpillPool(budget=1 << 20)
    for value, published in enumerate([3, 1, 4, 2]):
        publish((memory, disk)[value % 2], entry(published=published), value)
    die(memory, disk)

    assert [value for _, value in adopted_by(5555)] == [1, 3, 0, 2]


def test_where_that_is_not_told_sent_images_come_by_their_numbers_before_all_others(entry: Entry) -> None:
    pool = BlockPool(budget=1 << 20)
    refs = [publish(pool, entry(), value) for value in range(4)]
    pool.number(refs[3], 0, 7)
    pool.number(refs[1], 0, 8)
    die(pool)

    assert adopted_by(5555) == [(7, 3), (8, 1), (0, 0), (0, 2)]


def test_each_viewer_adopts_what_it_is_owed_and_the_last_removes_the_segment(entry: Entry) -> None:
    pool = BlockPool(budget=1 << 20)
    both = publish(pool, entry(5555, 5556), 1, destinations=2)
    pool.number(both, 0, 10)
    pool.number(both, 1, 20)
    publish(pool, entry(5556), 2)
    die(pool)

    first = adopted_by(5555)
    left = [found.owed for found in list_segments()]

    assert first == [(10, 1)]
    assert left == [2]
    assert adopted_by(5556) == [(20, 1), (0, 2)]
    assert list_segments() == []


def test_what_was_settled_before_the_death_is_not_adopted(entry: Entry) -> None:
    pool = BlockPool(budget=1 << 20)
    ref = publish(pool, entry(5555, 5556), 1, destinations=2)
    pool.settle(ref, 0)
    pool.take_back(publish(pool, entry(), 2))
    die(pool)

    assert adopted_by(5555) == []
    assert adopted_by(5556) == [(0, 1)]


def test_an_image_is_adopted_once(entry: Entry) -> None:
    pool = BlockPool(budget=1 << 20)
    publish(pool, entry(5555, 5556), 1, destinations=2)
    die(pool)
    finder = Orphans()

    assert [adopted_by(5555, finder), adopted_by(5555, finder), adopted_by(5555)] == [[(0, 1)], [], []]
    sweep(grace_seconds=0)


def test_an_image_whose_adoption_fails_stays_owed_and_so_do_those_behind_it(entry: Entry) -> None:
    pool = BlockPool(budget=1 << 20)
    for value in range(3):
        publish(pool, entry(published=value + 1), value)
    die(pool)
    finder = Orphans()

    def refuse_the_second(orphan: OrphanedImage) -> None:
        if orphan.pixels[0] == 1:
            raise MemoryError("the store is full")

    with pytest.raises(MemoryError, match="the store is full"):
        finder.adopt_orphans(port(5555), refuse_the_second)
    assert [found.owed for found in list_segments()] == [2]
    assert adopted_by(5555, finder) == [(0, 1), (0, 2)]


def test_what_another_viewer_adopted_meanwhile_is_not_adopted_again(entry: Entry) -> None:
    pool = BlockPool(budget=1 << 20)
    for value in range(3):
        publish(pool, entry(5555, 5556, published=value + 1), value, destinations=2)
    die(pool)
    slow = Orphans()

    def give_up(orphan: OrphanedImage) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        slow.adopt_orphans(port(5555), give_up)
    others = adopted_by(5555)

    assert len(others) == 3
    assert adopted_by(5555, slow) == []
    assert len(adopted_by(5556)) == 3


def test_a_segment_that_others_removed_meanwhile_is_forgotten(entry: Entry) -> None:
    pool = BlockPool(budget=1 << 20)
    publish(pool, entry(), 1)
    die(pool)
    slow = Orphans()

    def give_up(orphan: OrphanedImage) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        slow.adopt_orphans(port(5555), give_up)
    adopted_by(5555)

    assert adopted_by(5555, slow) == []
    assert slow._dead == {}


def test_nobody_else_takes_from_a_segment_while_its_images_are_adopted(entry: Entry) -> None:
    pool = BlockPool(budget=1 << 20)
    publish(pool, entry(), 1)
    segment, *_ = die(pool)
    seen: list[object] = []

    def adopt(orphan: OrphanedImage) -> None:
        seen.append(adopted_by(5555))
        seen.append(sweep(grace_seconds=0))
        with owner_is_gone(segment.path) as gone:
            seen.append(gone)

    assert Orphans().adopt_orphans(port(5555), adopt) == 1
    assert seen == [[], [], False]


def test_a_dead_workers_segment_that_owes_nothing_is_removed(entry: Entry) -> None:
    die(BlockPool(budget=1 << 20))

    assert adopted_by(5555) == []
    assert list_segments() == []


def test_a_segment_its_owner_closed_owes_nothing(entry: Entry) -> None:
    pool = BlockPool(budget=1 << 20)
    publish(pool, entry(), 1)
    segment, *_ = die(pool)
    segment.journal.close()

    assert adopted_by(5555) == []
    assert list_segments() == []


def test_pixels_may_be_kept_when_the_segment_is_gone(entry: Entry) -> None:
    pool = BlockPool(budget=1 << 20)
    publish(pool, entry(), 7)
    die(pool)
    kept: list[memoryview] = []

    Orphans().adopt_orphans(port(5555), lambda orphan: kept.append(orphan.pixels))

    assert bytes(kept[0]) == bytes([7]) * NBYTES
    assert kept[0].readonly


@pytest.mark.skipif(not boot_id(), reason="boots have no names there")
def test_images_of_before_the_machine_started_are_told_of(
    entry: Entry, caplog: pytest.LogCaptureFixture
) -> None:
    pool = SpillPool(budget=1 << 20)
    publish(pool, entry(), 7)
    [segment] = die(pool)
    written = segment.path.read_bytes()
    segment.path.write_bytes(written.replace(boot_id().encode(), b"x" * len(boot_id()), 1))

    assert adopted_by(5555) == [(0, 7)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "images of before this machine started" in caplog.text


def test_a_damaged_image_is_skipped_with_one_warning(entry: Entry, caplog: pytest.LogCaptureFixture) -> None:
    pool = BlockPool(budget=1 << 20)
    publish(pool, entry(5555, 5556), 1, destinations=2)
    damaged = publish(pool, entry(5555, 5556), 2, destinations=2)
    publish(pool, entry(5555, 5556), 3, destinations=2)
    segment, *_ = die(pool)
    record = 4096 + 2048 * segment.journal.index_of(damaged.offset)
    segment._memory[record + 140] ^= 0xFF
    finder = Orphans()

    assert [value for _, value in adopted_by(5555, finder)] == [1, 3]
    assert adopted_by(5555, finder) == []
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "images=1" in caplog.text
    assert len(adopted_by(5556)) == 2
    assert list_segments() == []


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("not JSON", "no journal entry: 'Input data was truncated'"),
        ("another size", f"wanted a block of {NBYTES + 1} bytes"),
        ("a number that is none", "wanted numbers of at most 63 bits"),
    ],
)
def test_an_image_that_cannot_be_told_is_skipped_and_left_to_others(
    what: str, said: str, entry: Entry, caplog: pytest.LogCaptureFixture
) -> None:
    pool = BlockPool(budget=1 << 20)
    written = {"not JSON": b"{", "another size": entry(nbytes=NBYTES + 1)}.get(what, entry())
    ref = publish(pool, written, 1)
    if what == "a number that is none":
        pool.number(ref, 0, (1 << 64) - 1)
    die(pool)

    assert adopted_by(5555) == []
    assert "images=1" in caplog.text
    assert said in caplog.text
    assert [found.owed for found in list_segments()] == [1]
    sweep(grace_seconds=0)


def test_a_file_of_garbage_is_skipped_with_one_warning(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    garbage = folder / "hcs-1-0123abcd"
    garbage.write_bytes(Random(1).randbytes(1 << 16))
    garbage.chmod(0o600)
    finder = Orphans()

    assert adopted_by(5555, finder) == adopted_by(5555, finder) == []
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    garbage.unlink()


def test_other_files_are_not_looked_at(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = ["hcs-stranger", "hcs-1-0123abcd.new", "viewer-5555.json"]
    for name in names:
        (folder / name).touch(0o600)

    caplog.set_level(logging.DEBUG)
    assert adopted_by(5555) == []
    assert caplog.records == []
    for name in names:
        (folder / name).unlink()


def test_what_is_not_this_users_alone_is_opened_once_and_a_link_never(folder: Path) -> None:
    (folder / "hcs-1-0123abcd").touch(0o604)
    (folder / "hcs-1-0123abce").symlink_to(folder / "hcs-1-0123abcd")
    opened: list[str] = []

    def open_counted(path: Path, flags: int) -> int:
        opened.append(Path(path).name)
        return open_really(path, flags)

    open_really, finder = os.open, Orphans()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", open_counted)
        found = adopted_by(5555, finder), adopted_by(5555, finder)

    assert (found, opened) == (([], []), ["hcs-1-0123abcd"])
    for path in folder.iterdir():
        path.unlink()


def test_missing_folders_have_no_orphans(folder: Path) -> None:
    finder = Orphans([folder / "missing"])

    assert finder.adopt_orphans(port(5555), print) == 0


@settings(max_examples=60)
@given(
    writes=st.lists(
        st.tuples(st.integers(0, (1 << 14) - 1), st.binary(min_size=1, max_size=64)), min_size=1, max_size=12
    )
)
def test_whatever_is_written_over_a_dead_workers_segment_whole_images_are_adopted(
    writes: list[tuple[int, bytes]], entry: Entry
) -> None:
    pool = BlockPool(budget=1 << 20)
    for value in range(4):
        publish(pool, entry(published=value + 1), value)
    segment, *_ = die(pool)
    for at, garbage in writes:
        segment._memory[at : at + len(garbage)] = garbage

    values = [value for _, value in adopted_by(5555)]

    assert set(values) <= {0, 1, 2, 3}
    assert len(values) == len(set(values))
    sweep(grace_seconds=0)
    segment.path.unlink(missing_ok=True)  # what says that it has another format is left alone


WORKER = """
import os
from hcs_shm import BlockPool, SpillPool
entry = bytes.fromhex("ENTRY")
memory, disk = BlockPool(budget=16 << 20), SpillPool(budget=16 << 20)
for value in range(5):
    block = memory.lend(4096)
    block.pixels[:] = bytes([value]) * 4096
    memory.record(block.ref, entry, 1)
    if value < 2:
        memory.number(block.ref, 0, value + 1)
for value in range(5, 8):
    disk.record(disk.spill(memoryview(bytes([value]) * 4096)), entry, 1)
memory.lend(4096).pixels[:] = b"!" * 4096  # killed while it writes this one
os.kill(os.getpid(), 9)
"""


def test_the_images_of_a_process_that_was_killed_are_adopted(
    entry: Entry, run_python: Callable[..., str]
) -> None:
    code = WORKER.replace("ENTRY", entry().hex())

    run_python(code, code_expected=-9)

    assert adopted_by(5555) == [(1, 0), (2, 1), *((0, value) for value in range(2, 8))]


def test_the_images_of_an_interpreter_that_exits_without_closing_are_adopted(
    entry: Entry, run_python: Callable[..., str], folder: Path
) -> None:
    code = WORKER.replace("ENTRY", entry().hex()).replace("os.kill(os.getpid(), 9)", "memory.lend(1 << 20)")

    run_python(code)

    assert sorted(found.owed for found in list_segments()) == [1, 3, 4]  # of four, one owed nothing
    assert adopted_by(5555) == [(1, 0), (2, 1), *((0, value) for value in range(2, 8))]
    assert list(folder.iterdir()) == []
    assert list_segments() == []


VIEWER = """
import os
from hcs_shm import Orphans
def adopt(orphan):
    if len(adopted) == 3:
        os.kill(os.getpid(), 9)
    adopted.append(orphan.pixels[0])
    print(orphan.pixels[0], flush=True)
adopted = []
Orphans().adopt_orphans(lambda destination: True, adopt)
"""


def test_a_viewer_that_is_killed_amid_the_adoption_leaves_the_rest_to_the_next(
    entry: Entry, run_python: Callable[..., str]
) -> None:
    pool = BlockPool(budget=1 << 20)
    for value in range(6):
        publish(pool, entry(published=value + 1), value)
    die(pool)

    printed = run_python(VIEWER, code_expected=-9)

    assert printed.split() == ["0", "1", "2"]
    assert [value for _, value in adopted_by(5555)] == [3, 4, 5]


def test_two_viewers_at_the_same_time_adopt_each_image_once(
    entry: Entry, run_python: Callable[..., str]
) -> None:
    pools = [BlockPool(budget=4 << 20) for _ in range(4)]
    for value in range(40):
        publish(pools[value % 4], entry(), value)
    die(*pools)
    code = VIEWER.replace("len(adopted) == 3", "False")
    viewers = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ)
        for _ in range(2)
    ]
    printed = [viewer.communicate(timeout=50)[0].split() for viewer in viewers]
    rest = [value for _, value in adopted_by(5555)]

    values = sorted([*map(int, printed[0]), *map(int, printed[1]), *rest])
    assert values == list(range(40))
    assert list_segments() == []
