import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hcs_protocol import PoolFullError
from hcs_shm._medium import MEMORY
from hcs_shm._segment import OwnSegment
from hcs_shm._segments import Segments
from hcs_shm._slots import Slot, Slots

IMAGE = 1 << 20


class SlowSegments(Segments):
    """Makes segments when a test says so."""

    def __init__(self, folder: Path, budget: int = 64 << 20) -> None:
        super().__init__(MEMORY, [folder], budget, "w")
        self.asked = threading.Event()
        self.go = threading.Event()
        self.makers: list[str] = []

    def create(self, slot_count: int, slot_nbytes: int) -> OwnSegment | None:
        self.makers.append(threading.current_thread().name)
        self.asked.set()
        assert self.go.wait(50)
        return super().create(slot_count, slot_nbytes)


@pytest.fixture
def segments(folder: Path) -> SlowSegments:
    return SlowSegments(folder)


@pytest.fixture
def slots(segments: SlowSegments) -> Iterator[Slots]:
    one = Slots(segments)
    yield one
    segments.go.set()
    closed(one)


def test_a_segment_of_which_another_thread_took_a_slot_meanwhile_is_not_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = SlowSegments(folder, budget=3 * IMAGE)
    segments.go.set()
    slots = Slots(segments)
    made = [segments.create(1, IMAGE) for _ in range(2)]
    with slots.lock:
        for segment in made:
            assert segment is not None
            slots.add(segment)
    lent: list[Slot] = []
    answers = iter([lambda: None, lambda: lent.append(slots._free[IMAGE].pop()), lambda: None])

    def grow(_size: int) -> bool:
        next(answers)()  # the lock is free while it waits
        return False

    monkeypatch.setattr(slots, "_grow", grow)

    with pytest.raises(PoolFullError):
        taken(slots, 2 * IMAGE)

    assert lent[0].segment.path.exists()
    closed(slots)


def closed(slots: Slots) -> None:
    with slots.lock:
        slots.close()


def taken(slots: Slots, nbytes: int = IMAGE) -> Slot:
    with slots.lock:
        return slots.take(nbytes)


def in_threads(count: int, slots: Slots) -> tuple[list[threading.Thread], list[Slot]]:
    found: list[Slot] = []
    threads = [threading.Thread(target=lambda: found.append(taken(slots))) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, found


def test_who_needs_a_segment_that_is_being_made_waits_for_it(slots: Slots, segments: SlowSegments) -> None:
    threads, found = in_threads(5, slots)
    assert segments.asked.wait(50)

    segments.go.set()
    for thread in threads:
        thread.join()

    assert len({(slot.segment, slot.index) for slot in found}) == 5
    assert segments.makers == ["hcs-shm-segment"]


def test_the_next_segment_is_made_when_the_last_slot_is_taken(slots: Slots, segments: SlowSegments) -> None:
    segments.go.set()
    for _ in range(7):
        taken(slots)
    assert len(segments.makers) == 1
    segments.go.clear()
    segments.asked.clear()

    taken(slots)

    assert segments.asked.wait(50)
    assert len(segments.makers) == 2


def test_slots_are_given_back_and_taken_while_a_segment_is_made(slots: Slots, segments: SlowSegments) -> None:
    segments.go.set()
    last = [taken(slots) for _ in range(7)][-1]
    segments.go.clear()
    taken(slots)

    with slots.lock:
        slots.put(last)

    assert taken(slots) is last


def test_what_is_being_made_counts_for_the_budget(slots: Slots, segments: SlowSegments) -> None:
    segments.go.set()
    for _ in range(7):
        taken(slots)
    before = segments.unused
    segments.go.clear()
    segments.asked.clear()

    taken(slots)
    assert segments.asked.wait(50)

    assert segments.unused < before - 8 * IMAGE


def test_closing_waits_for_the_segment_that_is_being_made(
    slots: Slots, segments: SlowSegments, folder: Path
) -> None:
    segments.go.set()
    for _ in range(8):
        taken(slots)
    closing = threading.Thread(target=closed, args=(slots,))

    closing.start()
    closing.join()

    assert list(folder.iterdir()) == []
    with pytest.raises(PoolFullError):
        taken(slots)


def test_who_waits_when_the_pool_is_closed_gets_nothing(slots: Slots, segments: SlowSegments) -> None:
    refused: list[PoolFullError] = []

    def wait() -> None:
        try:
            taken(slots)
        except PoolFullError as error:
            refused.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert segments.asked.wait(50)
    closing = threading.Thread(target=closed, args=(slots,))
    closing.start()
    segments.go.set()
    waiting.join()
    closing.join()

    assert len(refused) <= 1
    assert list(segments) == []


def test_a_segment_that_cannot_be_made_is_said_to_all_who_wait(
    slots: Slots, segments: SlowSegments, folder: Path
) -> None:
    (folder / "file").touch()
    segments._folders = [folder / "file" / "no folder"]
    segments.go.set()

    with pytest.raises(PoolFullError):
        taken(slots)
    assert segments.nbytes == 0


def test_nobody_waits_for_a_segment_whose_slots_took_the_last_memory(
    slots: Slots, segments: SlowSegments, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(segment: OwnSegment) -> None:
        segments.add(segment)
        raise MemoryError

    monkeypatch.setattr(slots, "add", add)
    monkeypatch.setattr(slots, "_thread", NoThread)  # the caller hears of it, and no other test
    segments.go.set()

    with pytest.raises(MemoryError):
        taken(slots)
    closed(slots)

    assert list(folder.iterdir()) == []


def test_files_in_use_stay_open_until_they_are_not(slots: Slots, segments: SlowSegments) -> None:
    segments.go.set()
    slot = taken(slots)
    entered, leave = threading.Event(), threading.Event()

    def use() -> None:
        with slots.in_use():
            entered.set()
            leave.wait(50)

    user = threading.Thread(target=use)
    user.start()
    assert entered.wait(50)
    closing = threading.Thread(target=closed, args=(slots,))
    closing.start()
    still_there = slot.segment.path.exists()
    leave.set()
    user.join()
    closing.join()

    assert still_there
    assert not slot.segment.path.exists()


class NoThread(threading.Thread):
    """As at the interpreter's exit."""

    def start(self) -> None:
        raise RuntimeError("can't start new thread")


def test_where_no_thread_can_be_started_the_caller_makes_the_segment(segments: SlowSegments) -> None:
    segments.go.set()
    slots = Slots(segments, thread=NoThread)

    found = [taken(slots) for _ in range(9)]

    assert len({(slot.segment, slot.index) for slot in found}) == 9
    assert set(segments.makers) == {threading.main_thread().name}
    closed(slots)


class InterruptedThread(threading.Thread):
    """Its first start is interrupted by Ctrl-C, and perhaps it runs all the same, but later."""

    started: list[threading.Thread] = []  # noqa: RUF012

    def start(self) -> None:
        if not self.started:
            self.started.append(self)
            raise KeyboardInterrupt
        super().start()


@pytest.fixture
def interrupted(segments: SlowSegments) -> Iterator[Slots]:
    """Slots whose first segment was not made because of Ctrl-C."""
    segments.go.set()
    slots = Slots(segments, thread=InterruptedThread)
    InterruptedThread.started.clear()
    with pytest.raises(KeyboardInterrupt):
        taken(slots)
    yield slots
    closed(slots)


def test_after_an_interrupted_start_of_the_thread_nobody_waits_for_it(
    interrupted: Slots, segments: SlowSegments
) -> None:
    assert segments.nbytes == 0

    found = {taken(interrupted).index for _ in range(8)}

    assert len(found) == 8


def test_a_thread_that_runs_after_its_start_was_interrupted_makes_nothing(
    interrupted: Slots, segments: SlowSegments
) -> None:
    late = InterruptedThread.started[0]

    late.start()
    late.join()

    assert (list(segments), segments.nbytes, segments.makers) == ([], 0, [])


def test_slots_can_be_closed_after_an_interrupted_start_of_the_thread(
    interrupted: Slots, folder: Path
) -> None:
    closed(interrupted)

    assert list(folder.iterdir()) == []


class InterruptedLock:
    """A lock that Ctrl-C comes behind."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock

    def __enter__(self) -> bool:
        return self._lock.__enter__()

    def __exit__(self, *error: object) -> None:
        self._lock.__exit__(*error)
        raise KeyboardInterrupt


def test_who_closes_does_not_wait_for_a_use_that_ctrl_c_ended_as_it_began(slots: Slots) -> None:
    lock = slots.lock
    slots.lock = InterruptedLock(lock)

    with pytest.raises(KeyboardInterrupt), slots.in_use():
        pass

    slots.lock = lock
    assert not slots._users
    closed(slots)
