"""Recovery against a finder of a few lines, whose images advance the clock when a test says so."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from hcs_protocol import (
    BlockRef,
    Counters,
    Destination,
    ImageReady,
    ImageSpec,
    OrphanedImage,
)
from hcs_protocol.testing import FakeClock
from hcs_viewer._adoption import Adoption
from hcs_viewer._inbox import ArrivedImage, Inbox, ToWindow
from hcs_viewer._presence import Presence
from hcs_viewer._recovery import BUDGET_SECONDS, PART, PERIOD_SECONDS, Here, Recovery
from hcs_viewer._sessions import Sessions
from hcs_viewer._shelf import PixelsFile
from hcs_viewer._store import Store
from hcs_viewer._tally import Tally

PORT = 5555
SPEC = ImageSpec(shape=(2, 3), dtype="uint16")
OURS = Destination(worker_run="w1", host="localhost", data_port=PORT)


@dataclass
class Orphan:
    """An image in a dead worker's journal."""

    sequence: int = 0
    destination: Destination = OURS
    pixels_of: Callable[[], bytes] = lambda: bytes(12)

    @property
    def image(self) -> ImageReady:
        where = BlockRef(segment="hcs-1", offset=0, nbytes=12, generation=1)
        return ImageReady(sequence=1, spec=SPEC, pixels=where)

    @property
    def pixels(self) -> memoryview:
        return memoryview(self.pixels_of())


@dataclass
class Finder:
    """Keeps images until they are adopted."""

    owed: list[Orphan] = field(default_factory=list)
    looks: int = 0
    before_each: Callable[[], object] = lambda: None

    def adopt_orphans(
        self, is_ours: Callable[[Destination], bool], adopt: Callable[[OrphanedImage], object]
    ) -> int:
        self.looks += 1
        self.before_each()
        failures, adopted = [], 0
        for orphan in [orphan for orphan in self.owed if is_ours(orphan.destination)]:
            try:
                adopt(orphan)
                self.owed.remove(orphan)
                adopted += 1
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return adopted


class FullStore(Store):
    """A store without room."""

    def keep(self, spec: ImageSpec, source: memoryview | bytes, file: PixelsFile | None = None) -> int:
        raise MemoryError("no room")


class Case:
    """A recovery and all that it meets."""

    def __init__(self, store: Store | None = None) -> None:
        self.finder, self.sessions, self.tally = Finder(), Sessions(), Tally()
        self.store = Store() if store is None else store
        self.clock = FakeClock()
        self.presence = Presence(title="t", viewer_run="v", clock=self.clock)
        self.dead: list[str] = []
        self._inbox: Inbox[ToWindow] = Inbox(lambda: None)
        adoption = Adoption(self.store, self._inbox, self.tally, self.clock)
        here = Here(frozenset({"localhost"}), frozenset({PORT}))
        self.recovery = Recovery(
            self.finder, here, adoption, self.sessions, self.dead.append, self.tally, self.presence
        )

    def look(self, *orphans: Orphan) -> None:
        self.finder.owed += orphans
        self.recovery.look()

    @property
    def counters(self) -> Counters:
        return self.tally.counters(workers=0, dropped=0)

    def arrived(self) -> list[ArrivedImage]:
        found = []
        while isinstance(entry := self._inbox.take(), ArrivedImage):
            found.append(entry)
        return found


@pytest.fixture
def case() -> Case:
    return Case()


# What becomes of an image.


def test_a_dead_workers_image_is_shown(case: Case) -> None:
    pixels = np.arange(6, dtype="<u2").tobytes()

    case.look(Orphan(7, pixels_of=lambda: pixels))

    (arrived,) = case.arrived()
    assert case.store.get(arrived.number).pixels.tobytes() == pixels
    assert case.counters == Counters(adopted=1, recovered=1, nbytes=12)
    assert not case.finder.owed


def test_nobody_is_told_that_a_dead_workers_image_is_shown(case: Case) -> None:
    case.look(Orphan(7))

    assert [image.worker_run for image in case.arrived()] == [""]


def test_an_image_that_came_by_message_is_not_shown_again(case: Case) -> None:
    case.sessions.open(b"1", "w1", "worker", 0).history.received.add(7)

    case.look(Orphan(7), Orphan(8))

    assert len(case.arrived()) == 1
    assert not case.finder.owed


def test_an_image_that_was_recovered_counts_as_received(case: Case) -> None:
    case.look(Orphan(1), Orphan(2))

    session = case.sessions.open(b"1", "w1", "worker", 0)
    assert session.history.received.upto == 2


def test_images_that_were_never_sent_are_told_apart_by_nobody_and_all_shown(case: Case) -> None:
    case.look(Orphan(0), Orphan(0))

    assert len(case.arrived()) == 2


TWICE = Destination(worker_run="w1", host="localhost", data_port=PORT, published=3)


@pytest.mark.parametrize("numbers", [(7, 7), (7, 0), (0, 7), (0, 0)])
def test_an_image_that_was_found_in_two_places_is_shown_once(case: Case, numbers: tuple[int, int]) -> None:
    case.look(*[Orphan(number, TWICE) for number in numbers])

    assert len(case.arrived()) == 1
    assert case.counters.recovered == 1
    assert not case.finder.owed


def test_an_image_that_came_by_message_is_not_shown_though_it_waits_on_disk_without_its_number(
    case: Case,
) -> None:
    case.sessions.open(b"1", "w1", "worker", 0).history.received.add(7)

    case.look(Orphan(7, TWICE), Orphan(0, TWICE))

    assert not case.arrived()
    assert not case.finder.owed


def test_an_image_in_two_places_for_which_there_was_no_room_is_shown_once_there_is(case: Case) -> None:
    pixels = [MemoryError("no room"), MemoryError("no room"), bytes(12), bytes(12)]

    def pixels_of() -> bytes:
        if isinstance(found := pixels.pop(0), MemoryError):
            raise found
        return found

    both = [Orphan(7, TWICE, pixels_of), Orphan(0, TWICE, pixels_of)]
    case.look(*both)
    assert case.finder.owed == both
    case.look()

    assert len(case.arrived()) == 1
    assert not case.finder.owed


def test_numbers_of_different_workers_have_nothing_to_do_with_each_other(case: Case) -> None:
    other = Destination(worker_run="w2", host="localhost", data_port=PORT)

    case.look(Orphan(1), Orphan(1, other))

    assert len(case.arrived()) == 2
    assert case.dead == ["w1", "w2"]


def test_an_image_of_the_wrong_size_is_refused_and_not_owed_any_more(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    case.look(Orphan(1, pixels_of=lambda: b"short"), Orphan(2))

    assert (case.counters.refused, case.counters.recovered) == (1, 1)
    assert "wanted 12 bytes" in caplog.text
    assert not case.finder.owed


@pytest.mark.parametrize("error", [MemoryError("no room"), OSError("not readable")])
def test_an_image_that_cannot_be_kept_now_stays_owed(
    case: Case, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail() -> bytes:
        raise error

    case.look(Orphan(1, pixels_of=fail), Orphan(2))
    case.look()

    assert [orphan.sequence for orphan in case.finder.owed] == [1]
    assert caplog.text.count(str(error)) == 1
    assert not case.recovery.is_due


def test_without_room_in_the_store_all_stay_owed() -> None:
    case = Case(FullStore())

    case.look(Orphan(1), Orphan(0))

    assert len(case.finder.owed) == 2
    assert case.counters == Counters()


# When it looks.


def test_it_looks_at_once_and_then_every_second(case: Case) -> None:
    due = [case.recovery.is_due]
    case.look()
    for seconds in (0, PERIOD_SECONDS / 2, PERIOD_SECONDS / 2):
        case.clock.advance(seconds)
        due.append(case.recovery.is_due)

    assert due == [True, False, False, True]


def test_it_looks_sooner_when_there_may_be_something(case: Case) -> None:
    case.look()

    case.recovery.look_soon()

    assert case.recovery.is_due


def test_live_workers_wait_no_longer_than_the_budget(case: Case) -> None:
    def slow() -> bytes:
        case.clock.advance(BUDGET_SECONDS / 2)
        return bytes(12)

    case.look(*[Orphan(number, pixels_of=slow) for number in range(1, 6)])

    assert len(case.arrived()) == 2
    assert case.recovery.is_due
    case.look()
    case.look()
    assert not case.finder.owed


def test_every_turn_lets_one_in_however_long_it_takes(case: Case) -> None:
    def slow() -> bytes:
        case.clock.advance(10 * BUDGET_SECONDS)
        return bytes(12)

    case.look(*[Orphan(number, pixels_of=slow) for number in (1, 2, 3)])

    assert [orphan.sequence for orphan in case.finder.owed] == [2, 3]


def test_a_viewer_that_is_closing_takes_nothing(case: Case) -> None:
    case.presence.state = "closing"

    case.look(Orphan(1))

    assert not case.recovery.is_due
    assert len(case.finder.owed) == 1


# Whose images.


@pytest.mark.parametrize(
    ("host", "port", "meant"),
    [
        ("localhost", PORT, True),
        ("LocalHost", PORT + 1, True),
        ("127.0.0.1", PORT, True),
        ("::1", PORT, True),
        ("lab7.example.org", PORT, True),
        (socket.gethostname(), PORT, True),
        ("elsewhere.example.org", PORT, False),
        ("localhost", PORT + 2, False),
    ],
)
def test_images_for_this_machine_and_one_of_our_ports_are_ours(host: str, port: int, meant: bool) -> None:
    here = Here.at("Lab7.example.org", (PORT, PORT + 1))

    assert here.is_meant(Destination(worker_run="w", host=host, data_port=port)) is meant


def test_other_viewers_images_are_left_alone(case: Case) -> None:
    case.look(Orphan(1, Destination(worker_run="w1", host="localhost", data_port=PORT + 1)))

    assert len(case.finder.owed) == 1
    assert not case.dead


def test_after_a_look_that_took_long_live_workers_have_most_of_the_time() -> None:
    case = Case()
    case.finder.before_each = lambda: case.clock.advance(5 * PART)

    case.look()

    case.clock.advance(4.5)
    assert not case.recovery.is_due
    case.clock.advance(0.5)
    assert case.recovery.is_due
