"""What goes out and when, without sockets; test_receiver tells the rest with them."""

from collections.abc import Iterator

import pytest

from hcs_protocol import (
    CODECS,
    MAX_ITEMS,
    Batch,
    BlockReleased,
    Done,
    FrameRef,
    ImageReady,
    ImageRefused,
    ImageSpec,
    Message,
    RunStarted,
    decode,
    encode,
)
from hcs_protocol.testing import (
    FRAME_SPEC,
    FakeClock,
    FakeLender,
    FakeOpener,
    frame_pixels,
    golden_frames,
)
from hcs_viewer import _arrivals
from hcs_viewer._adoption import Adoption
from hcs_viewer._arrivals import RELEASED_IMAGES, RELEASED_NBYTES, Arrivals
from hcs_viewer._control import Control
from hcs_viewer._inbox import Inbox, ToWindow
from hcs_viewer._outgoing import Outgoing
from hcs_viewer._presence import Presence
from hcs_viewer._sessions import Farewell, Session, Sessions
from hcs_viewer._shelf import PixelsFile
from hcs_viewer._store import Store
from hcs_viewer._tally import Tally


class FakeFrame:
    """A received frame; a real one of this size would start a thread of pyzmq's."""

    def __init__(self, content: bytes) -> None:
        self.buffer = memoryview(content)


class FakeSocket:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def send(self, part: bytes, flags: int) -> None:
        self.parts.append(part)


class FillableStore(Store):
    """A store that has no room when a test says so."""

    has_no_room = False
    is_full = False  # type: ignore[assignment]  # a test says when it is

    def keep(self, spec: ImageSpec, source: memoryview | bytes, file: PixelsFile | None = None) -> int:
        if self.has_no_room:
            raise MemoryError("no room")
        return super().keep(spec, source, file)


class Case:
    """The arrivals of one worker's session."""

    def __init__(self) -> None:
        self.socket, self.store, tally = FakeSocket(), FillableStore(), Tally()
        blocks = FakeOpener(FakeLender())
        inbox: Inbox[ToWindow] = Inbox(lambda: None)
        presence = Presence(title="t", viewer_run="v", clock=FakeClock())
        self.sessions = Sessions()
        outgoing = Outgoing(self.socket, tally, presence.clock)
        control = Control(outgoing, self.sessions, blocks, inbox, tally, presence)
        adoption = Adoption(self.store, inbox, tally, presence.clock)
        self.arrivals = Arrivals(blocks, adoption, self.sessions, control, outgoing, inbox, tally, presence)
        self.session = self.open("w1")

    def open(self, worker_run: str) -> Session:
        return self.sessions.open(worker_run.encode(), worker_run, "", 0.0)

    def take(self, *sequences: int, spec: ImageSpec | None = None, session: Session | None = None) -> None:
        spec = spec or ImageSpec(shape=(2, 3), dtype="uint16")
        where = FrameRef(frame=1, nbytes=spec.nbytes)
        items = [ImageReady(sequence=sequence, spec=spec, pixels=where) for sequence in sequences]
        batch = Batch(session=(session or self.session).id, oldest=1, items=list(items))
        self.arrivals.take([FakeFrame(encode(batch)), FakeFrame(bytes(spec.nbytes))])

    def take_frame(self, sequence: int, frame: bytes, codec: str, spec: ImageSpec = FRAME_SPEC) -> None:
        where = FrameRef(frame=1, nbytes=len(frame), codec=codec)
        batch = Batch(
            session=self.session.id, oldest=1, items=[ImageReady(sequence=sequence, spec=spec, pixels=where)]
        )
        self.arrivals.take([FakeFrame(encode(batch)), FakeFrame(frame)])

    def sent(self) -> list[Message]:
        """Return what was sent since the last time."""
        parts, self.socket.parts = self.socket.parts, []
        return [decode(part) for part in parts[2::3]]

    def released(self) -> Iterator[list[int]]:
        for message in self.sent():
            assert isinstance(message, BlockReleased)
            yield message.sequences


@pytest.fixture
def case() -> Case:
    return Case()


def test_small_images_are_released_together_when_nothing_more_is_there(case: Case) -> None:
    case.take(1, 2)
    case.take(3)
    before = list(case.released())

    case.arrivals.release()

    assert (before, list(case.released())) == ([], [[1, 2, 3]])


def test_nothing_is_released_twice(case: Case) -> None:
    case.take(1)
    for _ in range(2):
        case.arrivals.release()

    assert list(case.released()) == [[1]]


def test_many_images_are_released_at_once(case: Case) -> None:
    for sequence in range(1, RELEASED_IMAGES + 2):
        case.take(sequence)

    assert list(case.released()) == [list(range(1, RELEASED_IMAGES + 1))]


def test_a_large_image_is_released_at_once(case: Case) -> None:
    case.take(1, spec=ImageSpec(shape=(1024, RELEASED_NBYTES // 1024), dtype="uint8"))
    case.take(2)

    assert list(case.released()) == [[1]]


def test_each_worker_hears_of_its_own_images(case: Case) -> None:
    other = case.open("w2")
    case.take(1, 2)
    case.take(1, session=other)

    case.arrivals.release()

    released = {message.session: message.sequences for message in case.sent()}
    assert released == {case.session.id: [1, 2], other.id: [1]}


@pytest.mark.parametrize("codec", CODECS)
def test_a_compressed_image_is_adopted_and_released(case: Case, codec: str) -> None:
    case.take_frame(1, golden_frames()[codec], codec)
    case.arrivals.release()

    assert list(case.released()) == [[1]]
    assert len(case.store) == 1


@pytest.mark.parametrize("codec", [*CODECS, "brotli"])
def test_what_cannot_be_decompressed_is_asked_for_as_a_plain_frame(case: Case, codec: str) -> None:
    case.take_frame(1, b"garbage", codec)
    case.arrivals.release()
    refused = case.sent()
    case.take_frame(1, frame_pixels(), "none")
    case.arrivals.release()

    assert [(type(message), message.send_frame, message.reason[:12]) for message in refused] == [
        (ImageRefused, True, "unreadable: ")
    ]
    assert list(case.released()) == [[1]]


def test_all_is_released_before_a_goodbye_is_answered(case: Case) -> None:
    case.take(1)
    case.session.goodbyes.append(Farewell(b"w1", "g", 2))

    case.take(2)

    session = case.session.id
    assert case.sent() == [BlockReleased(session=session, sequences=[1, 2]), Done(reply_to="g")]


def test_no_message_names_more_numbers_than_one_may(case: Case) -> None:
    case.take(1)
    runs = [RunStarted(sequence=sequence, run="r") for sequence in range(2, MAX_ITEMS + 2)]
    case.arrivals.take([FakeFrame(encode(Batch(session=case.session.id, oldest=1, items=list(runs))))])

    assert [len(sequences) for sequences in case.released()] == [MAX_ITEMS, 1]


def test_an_image_for_which_there_is_no_room_is_neither_released_nor_refused(case: Case) -> None:
    case.store.has_no_room = True

    case.take(1)
    case.arrivals.release()

    assert case.sent() == []
    assert case.session.history.received.upto == 0


def test_a_batch_beyond_all_credit_is_refused_from_where_the_memory_is_full(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_arrivals, "BLOCK_NBYTES", 20)  # of images of 12 bytes
    case.take(1, 2, 3)
    case.store.is_full = True

    case.take(4, 5, 6, 7)
    case.arrivals.release()

    refused = [message for message in case.sent() if isinstance(message, ImageRefused)]
    assert [message.sequence for message in refused] == [4, 5, 6, 7]
    assert all(message.reason.startswith("wanted at most 20 bytes in a batch") for message in refused)
    assert len(case.store) == 3


def test_an_image_for_which_there_was_no_room_is_adopted_when_it_is_sent_again(case: Case) -> None:
    case.store.has_no_room = True
    case.take(1, 2)
    case.store.has_no_room = False

    case.take(1, 2)
    case.take(2)
    case.arrivals.release()

    assert list(case.released()) == [[1, 2, 2]]
    assert len(case.store) == 2


def test_a_goodbye_waits_for_the_image_for_which_there_was_no_room(case: Case) -> None:
    case.session.goodbyes.append(Farewell(b"w1", "g", 1))
    case.store.has_no_room = True
    case.take(1)
    before = case.sent()
    case.store.has_no_room = False

    case.take(1)

    session = case.session.id
    assert before == []
    assert case.sent() == [BlockReleased(session=session, sequences=[1]), Done(reply_to="g")]
