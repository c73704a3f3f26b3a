"""The turns of a publisher's thread, one by one, on a clock that stands still in between."""

import errno
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq

from hcs_protocol import BlockRef, Connection, FrameRef, ImageReady, ImageSpec
from hcs_protocol.testing import FakeClock, FakeLender, FakeSpiller
from hcs_stream import _session
from hcs_stream._caretaker import COMPLAIN_SECONDS, SPILLED_PER_TURN, Caretaker
from hcs_stream._holdings import Holdings
from hcs_stream._link import Link
from hcs_stream._overflow import Overflow, OverflowSetting
from hcs_stream._owed import Owed
from hcs_stream._session import BEAT_SECONDS, SILENCE_SECONDS
from hcs_stream._shared_link import SharedLink
from hcs_stream._states import RELEASED

NBYTES = 20
MOMENT = 0.01
SPILL = OverflowSetting(Overflow.of("spill"))


class Case:
    """A caretaker that takes a turn when a test says so."""

    def __init__(self, holdings: Holdings) -> None:
        self.holdings, self.clock = holdings, FakeClock()
        self.found: Connection | None = None
        self.gone: set[str] = set()
        self.link = Link("localhost:5555", holdings, self.clock)
        self.shared = SharedLink(self.link)
        self.find: Callable[[], Connection | None] = lambda: self.found
        self.caretaker = Caretaker(self.shared, holdings, lambda: self.find(), self.is_gone, self.clock)

    def is_gone(self, connection: Connection) -> bool:
        return connection.viewer_run in self.gone

    def turn_until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self.turn()

    def turn(self, later: float = 0.0) -> None:
        self.clock.advance(later)
        self.caretaker._turn(self.link)

    def meet(self, viewer: Any) -> None:
        """Find a viewer, and open a session with it."""
        self.found = viewer.connection
        self.turn_until(lambda: self.link.is_open)

    def publish(self, count: int) -> None:
        """Let so many images wait."""
        spec = ImageSpec(shape=(4, 5), dtype="uint8")
        for _ in range(count):
            held = self.holdings.hold(NBYTES)
            pixels = held.ref or FrameRef(frame=1, nbytes=NBYTES)
            ready = ImageReady(sequence=1, spec=spec, pixels=pixels)
            held.holders.add(0)
            self.holdings.publish(held, ready, [self.link.destination()])
            self.link.delivery.enqueue([Owed(ready, held, setting=SPILL)])


@pytest.fixture
def case(holdings: Holdings) -> Iterator[Case]:
    holdings.join()
    case = Case(holdings)
    yield case
    case.link.drop()
    holdings.leave()


# Viewers.


def test_a_viewer_is_greeted_when_it_is_there(case: Case, viewer: Any) -> None:
    case.turn()
    assert case.link.session is None

    case.meet(viewer)

    assert len(viewer.hellos) == 1


def test_a_viewer_whose_process_is_gone_is_noticed_at_the_first_late_beat(case: Case, viewer: Any) -> None:
    case.meet(viewer)
    viewer.answers = False
    case.gone.add(viewer.viewer_run)

    case.turn(later=BEAT_SECONDS + MOMENT)
    assert case.link.is_open
    case.turn(later=BEAT_SECONDS + MOMENT)

    assert case.link.session is None
    assert case.link.viewer == "localhost:5555 (not running)"


def test_a_viewer_that_hangs_is_given_up_after_its_silence_alone(case: Case, viewer: Any) -> None:
    case.meet(viewer)
    viewer.answers = False

    for _ in range(2):
        case.turn(later=BEAT_SECONDS + MOMENT)
    assert case.link.is_open
    case.turn(later=SILENCE_SECONDS)

    assert case.link.session is None
    assert case.link.viewer.endswith("(not answering)")


def test_a_viewer_that_answers_late_is_kept_though_nobody_knows_its_process(case: Case, viewer: Any) -> None:
    case.meet(viewer)
    viewer.answers = False
    for _ in range(2):
        case.turn(later=BEAT_SECONDS + MOMENT)

    viewer.answers = True
    case.turn_until(lambda: not case.link.session or not case.link.session.is_late)
    case.turn(later=SILENCE_SECONDS)

    assert case.link.is_open
    assert len(viewer.hellos) == 1


def test_what_a_viewer_was_sent_is_in_doubt_until_its_process_is_gone(case: Case, viewer: Any) -> None:
    viewer.releases = False
    case.meet(viewer)
    case.publish(2)
    case.turn_until(lambda: case.link.delivery.in_flight == 2)
    case.found = None
    case.link.interrupt()
    doubts = []

    for gone in (set(), {viewer.viewer_run}):
        case.gone = gone
        case.turn()
        doubts.append((case.link.delivery.has_doubts, set(case.link.doubted)))

    assert doubts == [(True, {viewer.viewer_run}), (False, set())]


def test_what_was_interrupted_while_there_was_no_viewer_is_made_good_at_once(case: Case) -> None:
    case.publish(2)
    case.link.delivery.left()[0].state = RELEASED  # and there Ctrl-C came

    case.link.interrupt()

    assert case.link.delivery.owed == 1


# Spilling.


def test_what_waits_goes_to_disk_a_few_at_a_time_while_memory_is_short(
    case: Case, lender: FakeLender, spiller: FakeSpiller
) -> None:
    case.publish(2 * SPILLED_PER_TURN)
    lender.budget = SPILLED_PER_TURN * NBYTES
    on_disk = []

    for _ in range(3):
        case.turn()
        on_disk.append(len(spiller.lent))

    assert on_disk == [SPILLED_PER_TURN, SPILLED_PER_TURN + 1, SPILLED_PER_TURN + 1]
    assert len(lender.lent) + len(spiller.lent) == 2 * SPILLED_PER_TURN


def test_what_went_out_while_it_was_written_to_disk_stays_in_memory(
    case: Case, lender: FakeLender, spiller: FakeSpiller, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.publish(1)
    lender.budget = NBYTES
    spill = spiller.spill

    def send_meanwhile(pixels: memoryview) -> BlockRef:
        case.link.delivery.credit_images = 1
        assert len(case.link.delivery.take()) == 1
        return spill(pixels)

    monkeypatch.setattr(spiller, "spill", send_meanwhile)

    case.turn()

    assert (len(lender.lent), spiller.lent) == (1, {})
    assert case.link.delivery.counters.spilled == 0


def test_without_room_on_disk_what_waits_stays_in_memory(
    case: Case, lender: FakeLender, spiller: FakeSpiller
) -> None:
    case.publish(1)
    lender.budget = NBYTES
    spiller.capacity = 0

    case.turn()

    assert (len(lender.lent), case.link.delivery.waiting) == (1, 1)


# What goes wrong.


def test_a_session_whose_opening_failed_is_begun_anew(
    case: Case, viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets, real = [0], _session.data_socket

    def data_socket(connection: Connection) -> Any:
        sockets[0] += 1
        if sockets[0] == 1:
            raise zmq.ZMQError(errno.EMFILE)
        return real(connection)

    monkeypatch.setattr(_session, "data_socket", data_socket)
    case.found = viewer.connection

    with pytest.raises(zmq.ZMQError):
        case.turn_until(lambda: sockets[0])
    case.turn_until(lambda: case.link.is_open)

    assert len(viewer.hellos) == 2


def test_what_goes_wrong_again_and_again_is_said_once_a_minute(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[float] = []

    def find() -> Connection | None:
        tries.append(case.clock())
        case.clock.advance(COMPLAIN_SECONDS / 2)
        if len(tries) == 5:
            case.shared.closing.set()
        raise OSError(errno.EMFILE, "no descriptor is free")

    case.find = find
    case.caretaker.start()
    case.caretaker.join()

    complaints = [record for record in caplog.records if "publisher failed" in record.message]
    assert (len(tries), len(complaints)) == (5, 3)
