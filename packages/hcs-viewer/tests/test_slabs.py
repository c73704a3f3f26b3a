import gc
import itertools
import random
import re
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_viewer._slabs import HUGE_NBYTES, SMALL_NBYTES, Slabs, slab_size

NBYTES = 1 << 18
ROUNDS = 3000

Array = npt.NDArray[np.generic]
InAThread = Callable[[Callable[[], None]], threading.Thread]


def address(array: Array) -> int:
    return array.__array_interface__["data"][0]


def test_memory_has_the_size_that_was_asked_for_and_can_be_written() -> None:
    slabs = Slabs()

    for nbytes in (1, SMALL_NBYTES - 1, SMALL_NBYTES, SMALL_NBYTES + 1, NBYTES):
        memory = slabs.take(nbytes)
        memory[:] = 7
        assert (memory.nbytes, int(memory.sum())) == (nbytes, 7 * nbytes)


@pytest.mark.skipif(not Path("/sys/kernel/mm/transparent_hugepage").is_dir(), reason="no huge pages here")
@pytest.mark.parametrize(("nbytes", "is_huge"), [(HUGE_NBYTES // 2, False), (HUGE_NBYTES, True)])
def test_large_memory_asks_for_huge_pages(nbytes: int, *, is_huge: bool) -> None:
    memory = Slabs().take(nbytes)

    assert ("hg" in flags_of_mapping(address(memory))) is is_huge


def flags_of_mapping(where: int) -> list[str]:
    """What the kernel says of the mapping that has this address: the VmFlags of proc_pid_smaps(5)."""
    is_it = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if mapping := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            begin, end = (int(text, 16) for text in mapping.groups())
            is_it = begin <= where < end
        elif is_it and line.startswith("VmFlags:"):
            return line.split()[1:]
    raise AssertionError(f"nothing is mapped at {where:#x}")


def test_memory_that_nobody_looks_at_is_used_again() -> None:
    slabs = Slabs()
    first = address(slabs.take(NBYTES))

    assert [address(slabs.take(NBYTES)) for _ in range(3)] == [first] * 3


@pytest.mark.parametrize(
    "look",
    [
        lambda memory: memory[5:],
        lambda memory: memory.view(np.uint16).reshape(-1, 64)[1:].T[2],
        memoryview,
        lambda memory: np.frombuffer(memoryview(memory)[8:], np.uint8),
        lambda memory: np.asarray(memory.base),
        lambda memory: memory.view(np.recarray),
    ],
)
def test_memory_that_anything_looks_at_is_not_used_again(look: Callable[[Array], object]) -> None:
    slabs = Slabs()
    memory = slabs.take(NBYTES)
    before = address(memory)
    view = look(memory)
    del memory
    gc.collect()

    others = [slabs.take(NBYTES) for _ in range(3)]
    assert before not in map(address, others)

    del view
    assert address(slabs.take(NBYTES)) == before


def test_the_one_that_was_let_go_last_is_used_first() -> None:
    slabs = Slabs()
    memories = [slabs.take(NBYTES) for _ in range(3)]
    last = address(memories[0])
    while memories:
        memories.pop()

    assert address(slabs.take(NBYTES)) == last


@given(st.integers(SMALL_NBYTES, 1 << 36))
def test_a_slab_is_at_most_an_eighth_larger_than_what_it_is_for(nbytes: int) -> None:
    size = slab_size(nbytes)

    assert nbytes <= size <= nbytes * 9 / 8
    assert slab_size(size) == size


@given(st.integers(SMALL_NBYTES, 1 << 30))
def test_sizes_that_differ_little_share_their_slabs(nbytes: int) -> None:
    sizes = {slab_size(nearly) for nearly in range(nbytes, nbytes + nbytes // 4, max(1, nbytes // 100))}

    assert len(sizes) <= 5


def test_free_memory_is_bounded_and_what_was_in_use_longest_ago_goes_first() -> None:
    slabs = Slabs(free_nbytes=4 * NBYTES)
    sizes = [2 * NBYTES, NBYTES, 3 * NBYTES]
    for size in sizes:
        slabs.take(size)

    assert slabs.free_nbytes == 4 * NBYTES
    slabs.take(NBYTES)
    assert slabs.free_nbytes == 4 * NBYTES


def test_all_memory_is_counted_in_use_or_free() -> None:
    slabs = Slabs(free_nbytes=2 * NBYTES)
    memories = [slabs.take(NBYTES) for _ in range(3)]
    in_use = slabs.nbytes
    view = memories[0][1:]

    memories.clear()
    with pytest.raises(MemoryError):
        slabs.take(1 << 62)
    one_is_left = slabs.nbytes
    del view

    assert (in_use, one_is_left, slabs.nbytes) == (3 * NBYTES, NBYTES, NBYTES)


def test_a_slab_larger_than_all_free_memory_may_be_is_not_kept() -> None:
    slabs = Slabs(free_nbytes=NBYTES)

    slabs.take(2 * NBYTES)

    assert slabs.free_nbytes == 0


def test_images_of_all_sizes_for_a_long_time_do_not_pile_up() -> None:
    slabs, shuffle = Slabs(free_nbytes=8 * NBYTES), random.Random(1)
    kept: deque[Array] = deque(maxlen=4)

    for _ in range(ROUNDS):
        kept.append(slabs.take(shuffle.randrange(SMALL_NBYTES, 3 * NBYTES)))
        assert slabs.free_nbytes <= 8 * NBYTES


def test_what_was_not_needed_for_a_while_goes_back_to_the_system() -> None:
    now = [0.0]
    slabs = Slabs(clock=lambda: now[0])
    peak = [slabs.take(NBYTES) for _ in range(5)]
    peak.clear()

    for seconds in (1, 11, 12, 22):  # two are in use now and then
        now[0] = seconds
        pair = [slabs.take(NBYTES), slabs.take(NBYTES)]
        del pair
        slabs.drop_idle()
        free = {1: 5, 11: 5, 12: 5, 22: 2}[seconds]
        assert slabs.free_nbytes == free * NBYTES

    now[0] = 33.0
    slabs.drop_idle()
    now[0] = 44.0
    slabs.drop_idle()
    assert slabs.free_nbytes == 0


def test_what_is_more_than_all_memory_is_refused() -> None:
    slabs = Slabs()
    slabs.take(NBYTES)

    with pytest.raises(MemoryError, match="wanted"):
        slabs.take(1 << 62)

    assert slabs.free_nbytes == 0  # the last resort


def test_memory_may_be_let_go_in_the_middle_of_taking_some() -> None:
    slabs = Slabs()
    memory = slabs.take(NBYTES)
    with slabs._lock:  # as when the garbage collector runs just then
        del memory
        assert slabs.free_nbytes == 0

    slabs.take(2 * NBYTES)
    assert slabs.free_nbytes == 3 * NBYTES


def test_one_thread_takes_and_another_lets_go(in_a_thread: InAThread) -> None:
    slabs = Slabs(free_nbytes=4 * NBYTES)
    taken: deque[Array | None] = deque()
    wrong: list[int] = []

    def let_go() -> None:
        for number in itertools.count(1):
            while not taken:
                pass
            memory = taken.popleft()
            if memory is None:
                return
            if not (memory == number % 251).all():
                wrong.append(number)

    thread = in_a_thread(let_go)
    for number in range(1, ROUNDS + 1):
        memory = slabs.take(SMALL_NBYTES * (1 + number % 3))
        memory[:] = number % 251
        taken.append(memory)
    taken.append(None)
    del memory
    thread.join()

    assert wrong == []
    assert 0 < slabs.free_nbytes <= 4 * NBYTES
