"""A worker of a few lines talks to a real receiver over real, encrypted sockets."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest
import tifffile
import zmq

from hcs_protocol import (
    MAX_MESSAGE_NBYTES,
    PROTOCOL_VERSION,
    Batch,
    Beat,
    BlockRef,
    BlockReleased,
    Counters,
    Credit,
    Destination,
    Done,
    Failed,
    FileRef,
    FrameRef,
    Goodbye,
    Heard,
    Hello,
    ImageReady,
    ImageRefused,
    ImageShown,
    ImageSpec,
    Item,
    Latency,
    LentBlock,
    Message,
    Open,
    OrphanedImage,
    Ping,
    PixelsRef,
    Pong,
    Received,
    Refuse,
    RunStarted,
    Screenshot,
    SegmentOffer,
    ViewerState,
    Welcome,
    WorkerStatus,
    decode,
    encode,
    new_id,
)
from hcs_protocol.testing import FakeClock, FakeLender, FakeOpener
from hcs_viewer._control import MAX_KINDS, ORPHANED_SILENCE_SECONDS, SILENCE_SECONDS
from hcs_viewer._credit import BLOCK_NBYTES, CREDIT_IMAGES, frame_credit
from hcs_viewer._inbox import (
    Answer,
    ArrivedImage,
    Inbox,
    Question,
    ShownImage,
    StatusRequest,
    ToReceiver,
    ToWindow,
    Trouble,
)
from hcs_viewer._path_map import PathMap
from hcs_viewer._presence import Presence
from hcs_viewer._receiver import Receiver
from hcs_viewer._shelf import FULL
from hcs_viewer._sockets import Keys, Sockets
from hcs_viewer._spilled import SpillFolder
from hcs_viewer._store import Store

PATIENCE_MILLISECONDS = 10_000
OPEN_MILLISECONDS = 5
BUDGET = 1 << 30
SPEC = ImageSpec(shape=(2, 3), dtype="uint16")
PIXELS = np.arange(6, dtype="<u2").tobytes()
GARBAGE = [b"", b"\xff\xfe", b"{", b"[]", b'{"type":"Nonsense"}', b'{"type":"Batch"}', b"[" * 5000]

Connect = Callable[..., zmq.SyncSocket]
InAThread = Callable[[Callable[[], None]], threading.Thread]


@dataclass(frozen=True)
class Orphan:
    """An image that a worker left behind."""

    destination: Destination
    sequence: int
    image: ImageReady
    pixels: memoryview


class FakeOrphans:
    """Has the images that a test says dead workers left behind."""

    def __init__(self) -> None:
        self.owed: list[Orphan] = []

    def adopt_orphans(
        self, is_ours: Callable[[Destination], bool], adopt: Callable[[OrphanedImage], object]
    ) -> int:
        found = [orphan for orphan in self.owed if is_ours(orphan.destination)]
        for orphan in found:
            adopt(orphan)
            self.owed.remove(orphan)
        return len(found)


class FaultyOpener(FakeOpener):
    """An opener with a mistake in it."""

    def open(self, ref: BlockRef) -> memoryview:
        if ref.nbytes == 13:
            raise RuntimeError("a mistake")
        return super().open(ref)


ELSEWHERE = "/another/machine's/plates"
"""The folder ``plates`` of the viewer's, as a worker calls it."""


class Viewer:
    """A receiver without a window, and what stands in for it."""

    def __init__(self, spill: Path) -> None:
        self.keys = Keys.new()
        self.sockets = Sockets(self.keys, "127.0.0.1", 22555, next_free=True)
        self.lender = FakeLender()
        self.opener = FaultyOpener(self.lender)
        self.orphans = FakeOrphans()
        self.store = Store(budget=BUDGET, folder=SpillFolder(spill, spare_nbytes=0))
        self.clock = FakeClock()
        self.presence = Presence(
            title="Assay 7", viewer_run="v1", clock=self.clock, wall_clock=lambda: 2000.0
        )
        self.answers: Inbox[ToReceiver] = Inbox(self.sockets.bell_rope())
        self.troubles: list[Trouble] = []
        self._rung = threading.Semaphore(0)
        self._inbox: Inbox[ToWindow] = Inbox(self._rung.release)
        self.receiver = Receiver(
            self.sockets,
            self.opener,
            self.orphans,
            self.store,
            self._inbox,
            self.answers,
            self.presence,
            PathMap(((ELSEWHERE, spill.parent / "plates"),)),
        )

    def window_gets(self) -> ToWindow:
        """Wait for the next entry that the window gets; trouble is noted beside them."""
        while (entry := self._inbox.take()) is None or isinstance(entry, Trouble):
            if entry is not None:
                self.troubles.append(entry)
            else:
                assert self._rung.acquire(timeout=PATIENCE_MILLISECONDS / 1000), "nothing came"
        return entry

    def status(self) -> Pong:
        """Ask as the window does, and wait for the answer."""
        self.answers.put(StatusRequest())
        while not isinstance(entry := self.window_gets(), Pong):
            pass
        return entry

    def later(self, seconds: float) -> None:
        """Let time pass, and the receiver notice."""
        self.clock.advance(seconds)
        self.answers.wake()

    def has_room_for(self, images: int) -> None:
        """Let there be room for so many further images of the usual size."""
        self.store.reserve(int(FULL * BUDGET) - images * SPEC.nbytes)
        self.answers.wake()

    def leaves_behind(self, worker: "Worker", sequence: int) -> None:
        """Let a worker die, and its journal say that this image is owed."""
        destination = Destination(
            worker_run=worker.worker_run, host="localhost", data_port=self.sockets.data_port
        )
        self.orphans.owed.append(Orphan(destination, sequence, image(1), memoryview(PIXELS)))
        self.later(1)

    def image(self) -> np.ndarray:
        """Wait for the next image and return its pixels."""
        arrived = self.window_gets()
        assert isinstance(arrived, ArrivedImage), arrived
        return self.store.get(arrived.number).pixels


class Worker:
    """What a worker's session needs: one DEALER, one PUB."""

    def __init__(self, control: zmq.SyncSocket, data: zmq.SyncSocket) -> None:
        self.control, self.data = control, data
        self.worker_run = new_id()
        self.name = ""
        self.session = ""

    def say_hello(self, segment: SegmentOffer | None = None, version: int = PROTOCOL_VERSION) -> Message:
        return self.ask(
            Hello(
                id="h",
                protocol_version=version,
                worker_run=self.worker_run,
                name=self.name,
                segment=segment,
            )
        )

    def open(self) -> "Worker":
        welcome = self.say_hello()
        assert isinstance(welcome, Welcome)
        self.session = welcome.session
        while not self.control.poll(OPEN_MILLISECONDS):
            self.data.send(encode(Open(session=self.session)))
        assert self.hears(Heard) == Heard(session=self.session)
        return self

    def ask(self, message: Message) -> Message:
        self.control.send_multipart([b"", encode(message)])
        return self.hears(object)

    def hears(self, kind: type) -> Message:
        """Wait for the next message, of this kind; late Heards and Credits are passed over."""
        while self.control.poll(PATIENCE_MILLISECONDS):
            message = decode(self.control.recv_multipart()[1])
            if kind in {Heard, Credit} or not isinstance(message, Heard | Credit):
                assert isinstance(message, kind), message
                return message
        raise AssertionError(f"wanted {kind.__name__}, nothing came")

    def gets_back(self, images: int) -> list[int]:
        """Wait until so many were released, in as many messages as it takes, and return their numbers."""
        released: list[int] = []
        while len(released) < images:
            released += self.hears(BlockReleased).sequences
        return released

    def send(
        self,
        *items: Item,
        frames: tuple[bytes, ...] = (),
        session: str = "",
        oldest: int = 1,
        sent_at: float = 0.0,
    ) -> None:
        batch = Batch(session=session or self.session, oldest=oldest, items=list(items), sent_at=sent_at)
        self.data.send_multipart([encode(batch), *frames])

    def send_frame(self, sequence: int, pixels: bytes = PIXELS) -> None:
        self.send(image(sequence), frames=(pixels,))

    def pong(self) -> Pong:
        pong = self.ask(Ping(id="p"))
        assert isinstance(pong, Pong), pong
        return pong

    def counters(self) -> Counters:
        return self.pong().counters


def image(sequence: int, pixels: PixelsRef | None = None, spec: ImageSpec = SPEC) -> ImageReady:
    where = pixels or FrameRef(frame=1, nbytes=spec.nbytes)
    return ImageReady(sequence=sequence, spec=spec, pixels=where)


@pytest.fixture
def viewer(in_a_thread: InAThread, tmp_path: Path) -> Iterator[Viewer]:
    viewer = Viewer(tmp_path / "spill")
    thread = in_a_thread(viewer.receiver.run)
    yield viewer
    viewer.receiver.stop()
    thread.join()
    viewer.sockets.close()


@pytest.fixture
def new_worker(viewer: Viewer, connect: Connect) -> Callable[[], Worker]:
    def new() -> Worker:
        keys = viewer.keys
        pair = {"server": keys.public, "public": keys.client_public, "secret": keys.client_secret}
        control = connect(zmq.DEALER, viewer.sockets.control_port, **pair)
        return Worker(control, connect(zmq.PUB, viewer.sockets.data_port, **pair))

    return new


@pytest.fixture
def worker(new_worker: Callable[[], Worker]) -> Worker:
    """A worker whose session is open."""
    return new_worker().open()


@pytest.fixture
def block(viewer: Viewer) -> LentBlock:
    block = viewer.lender.lend(len(PIXELS))
    block.pixels[:] = PIXELS
    return block


# The handshake.


def test_hello_is_answered_with_what_the_offered_segment_says(
    viewer: Viewer, new_worker: Callable[[], Worker]
) -> None:
    welcome = new_worker().say_hello(viewer.lender.offer)

    assert isinstance(welcome, Welcome)
    assert welcome.nonce == viewer.lender.nonce
    assert (welcome.reply_to, welcome.viewer_run, welcome.title) == ("h", "v1", "Assay 7")


@pytest.mark.parametrize("segment", [None, SegmentOffer(name="hcs-elsewhere", folder="/dev/shm")])
def test_a_segment_that_cannot_be_read_means_frames(
    new_worker: Callable[[], Worker], segment: SegmentOffer | None
) -> None:
    welcome = new_worker().say_hello(segment)

    assert isinstance(welcome, Welcome)
    assert welcome.nonce is None


@pytest.mark.parametrize("version", [0, PROTOCOL_VERSION + 1])
def test_another_version_is_refused(new_worker: Callable[[], Worker], version: int) -> None:
    refuse = new_worker().say_hello(version=version)

    assert isinstance(refuse, Refuse)
    assert str(version) in refuse.reason


def test_open_is_heard(worker: Worker) -> None:
    worker.data.send(encode(Open(session=worker.session)))

    assert worker.hears(Heard) == Heard(session=worker.session)


# One image's way in.


def test_an_image_in_a_block_is_adopted_and_the_block_released(
    viewer: Viewer, worker: Worker, block: LentBlock
) -> None:
    worker.send(image(1, block.ref))

    assert worker.hears(BlockReleased) == BlockReleased(session=worker.session, sequences=[1])
    assert viewer.image().tobytes() == PIXELS


def test_an_adopted_image_does_not_change_with_its_block(
    viewer: Viewer, worker: Worker, block: LentBlock
) -> None:
    worker.send(image(1, block.ref))
    worker.hears(BlockReleased)

    block.pixels[:] = bytes(len(PIXELS))

    assert viewer.image().tobytes() == PIXELS


def test_frames_of_a_batch_are_adopted(viewer: Viewer, worker: Worker) -> None:
    refs = [FrameRef(frame=frame, nbytes=12) for frame in (2, 1)]

    worker.send(image(1, refs[0]), image(2, refs[1]), frames=(bytes(12), PIXELS))

    assert worker.hears(BlockReleased).sequences == [1, 2]
    assert [viewer.image().tobytes() for _ in range(2)] == [PIXELS, bytes(12)]


def test_a_file_that_an_image_refers_to_is_read(viewer: Viewer, worker: Worker, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.frombuffer(PIXELS, "<u2").reshape(2, 3))

    worker.send(image(1, FileRef(path=str(tmp_path / "a.tif"))))

    assert worker.hears(BlockReleased).sequences == [1]
    assert viewer.image().tobytes() == PIXELS


def test_a_file_of_another_machine_is_read_where_it_lies_here(
    viewer: Viewer, worker: Worker, tmp_path: Path
) -> None:
    (tmp_path / "plates").mkdir()
    tifffile.imwrite(tmp_path / "plates" / "a.tif", np.frombuffer(PIXELS, "<u2").reshape(2, 3))

    worker.send(image(1, FileRef(path=f"{ELSEWHERE}/a.tif")))

    assert worker.hears(BlockReleased).sequences == [1]
    assert viewer.image().tobytes() == PIXELS


def test_a_worker_hears_whose_files_are_read(new_worker: Callable[[], Worker]) -> None:
    welcome = new_worker().say_hello()

    assert isinstance(welcome, Welcome)
    assert welcome.folders == [ELSEWHERE]


@pytest.mark.parametrize("path", [f"{ELSEWHERE}/../secret.tif", f"{ELSEWHERE}/link.tif"])
def test_no_file_beside_the_mapped_folder_is_read(worker: Worker, tmp_path: Path, path: str) -> None:
    (tmp_path / "plates").mkdir()
    tifffile.imwrite(tmp_path / "secret.tif", np.frombuffer(PIXELS, "<u2").reshape(2, 3))
    (tmp_path / "plates" / "link.tif").symlink_to(tmp_path / "secret.tif")

    worker.send(image(1, FileRef(path=path)))

    assert "wanted a file below" in worker.hears(ImageRefused).reason


def test_run_messages_go_to_the_window_in_their_place(viewer: Viewer, worker: Worker) -> None:
    started = RunStarted(sequence=1, run="r1", wells=["A01"])

    worker.send(started, image(2), frames=(PIXELS,))

    assert worker.hears(BlockReleased).sequences == [1, 2]
    assert viewer.window_gets() == started
    assert isinstance(viewer.window_gets(), ArrivedImage)


def test_a_duplicate_is_released_again_and_not_adopted_twice(viewer: Viewer, worker: Worker) -> None:
    for sequence in (1, 1, 2):
        worker.send_frame(sequence)

    assert worker.gets_back(3) == [1, 1, 2]
    assert [viewer.window_gets().ready.sequence for _ in range(2)] == [1, 2]
    assert worker.counters().duplicates == 1


def test_after_a_cut_link_the_new_session_sends_again_and_nothing_comes_twice(
    viewer: Viewer, worker: Worker
) -> None:
    worker.send_frame(1)
    worker.hears(BlockReleased)

    worker.open()
    for sequence in (1, 2):
        worker.send_frame(sequence)

    assert worker.gets_back(2) == [1, 2]
    assert len(viewer.store) == 2


def test_a_worker_whose_link_was_away_over_the_weekend_sends_again_and_nothing_comes_twice(
    viewer: Viewer, worker: Worker
) -> None:
    worker.send_frame(1)
    worker.hears(BlockReleased)
    viewer.later(60 * 3600)
    while worker.counters().workers:
        pass

    worker.open()
    for sequence in (1, 2):
        worker.send_frame(sequence)

    assert worker.gets_back(2) == [1, 2]
    assert len(viewer.store) == 2


def test_the_log_says_once_a_session_that_a_worker_run_repeats_numbers(
    worker: Worker, new_worker: Callable[[], Worker], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "hcs_viewer")
    worker.send_frame(1)
    worker.hears(BlockReleased)
    second = new_worker()
    second.worker_run = worker.worker_run
    second.open()

    for _ in range(2):
        second.send_frame(1)
        second.hears(BlockReleased)

    assert caplog.text.count(f"has sent before name='' worker_run='{worker.worker_run}' sequence=1") == 1


def test_a_worker_whose_connection_was_made_anew_is_answered_there_after_its_next_beat(
    viewer: Viewer, worker: Worker, new_worker: Callable[[], Worker]
) -> None:
    again = new_worker()  # ZeroMQ does so by itself, and nobody is told
    again.session, again.data = worker.session, worker.data

    assert isinstance(again.ask(Beat(id="b", session=worker.session, last=0)), Received)
    again.send_frame(1)

    assert again.gets_back(1) == [1]


def test_what_is_held_is_said_again_on_a_connection_that_was_made_anew(
    worker: Worker, new_worker: Callable[[], Worker]
) -> None:
    for sequence in (1, 2, 4):
        worker.send_frame(sequence)
        worker.hears(BlockReleased)
    worker.send(image(6), frames=(PIXELS,), oldest=2)
    worker.hears(BlockReleased)
    again = new_worker()
    again.session = worker.session

    again.control.send_multipart([b"", encode(Beat(id="b", session=worker.session, last=6))])

    assert again.hears(BlockReleased).sequences == [2, 4, 6]


def test_a_number_below_what_its_own_batch_calls_the_oldest_is_refused_and_moves_nothing(
    viewer: Viewer, worker: Worker
) -> None:
    worker.send(image(1), frames=(PIXELS,), oldest=1000)
    refused = worker.hears(ImageRefused)
    worker.send(image(2), frames=(PIXELS,), oldest=2)

    assert (refused.sequence, refused.send_frame) == (1, False)
    assert "`oldest`" in refused.reason
    assert worker.hears(BlockReleased).sequences == [2]
    assert len(viewer.store) == 1


def test_a_batch_of_another_session_is_ignored(viewer: Viewer, worker: Worker) -> None:
    worker.send(image(1), frames=(PIXELS,), session="nobody's")
    worker.send_frame(2)

    assert worker.hears(BlockReleased).sequences == [2]
    assert len(viewer.store) == 1


def test_two_workers_number_their_images_by_themselves(
    viewer: Viewer, worker: Worker, new_worker: Callable[[], Worker]
) -> None:
    other = new_worker().open()
    for each in (worker, other):
        each.send_frame(1)

    assert [each.hears(BlockReleased).session for each in (worker, other)] == [worker.session, other.session]
    assert len(viewer.store) == 2
    assert worker.counters().workers == 2


def test_eight_workers_get_all_their_blocks_back(viewer: Viewer, new_worker: Callable[[], Worker]) -> None:
    workers = [new_worker().open() for _ in range(8)]
    for sequence in range(1, 21):
        for each in workers:
            each.send_frame(sequence)

    for each in workers:
        assert each.gets_back(20) == list(range(1, 21))
    assert len(viewer.store) == 160
    assert workers[0].counters() == Counters(received=160, adopted=160, nbytes=160 * 12, workers=8)


def test_a_worker_run_that_says_hello_from_a_second_socket_is_heard_there_alone(
    viewer: Viewer, worker: Worker, new_worker: Callable[[], Worker]
) -> None:
    second = new_worker()
    second.worker_run = worker.worker_run
    second.open()

    worker.send_frame(1)
    second.send_frame(1)

    assert second.hears(BlockReleased).sequences == [1]
    assert isinstance(worker.ask(Beat(id="b", session=worker.session, last=1)), Failed)
    assert second.counters() == Counters(received=1, adopted=1, nbytes=12, workers=1)


def test_workers_whose_pixels_come_as_frames_share_a_part_of_the_memory(
    viewer: Viewer, new_worker: Callable[[], Worker]
) -> None:
    workers = [new_worker() for _ in range(3)]

    welcomes = [each.say_hello() for each in workers]

    each_of = [frame_credit(BUDGET, count) for count in (1, 2, 3)]
    assert [getattr(welcome, "credit_nbytes", 0) for welcome in welcomes] == each_of
    assert workers[0].hears(Credit).nbytes == each_of[2]

    workers[2].ask(Goodbye(id="g", session=getattr(welcomes[2], "session", ""), last=0))
    assert workers[0].hears(Credit).nbytes == each_of[1]


def test_blocks_lie_in_the_workers_memory_and_take_none_of_the_viewers(
    viewer: Viewer, new_worker: Callable[[], Worker]
) -> None:
    welcome = new_worker().say_hello(viewer.lender.offer)

    assert isinstance(welcome, Welcome)
    assert (welcome.credit_images, welcome.credit_nbytes) == (CREDIT_IMAGES, BLOCK_NBYTES)


# What is not all right.


def test_a_missing_block_is_asked_for_as_a_frame(viewer: Viewer, worker: Worker, block: LentBlock) -> None:
    viewer.lender.take_back(block.ref)
    worker.send(image(1, block.ref))
    refused = worker.hears(ImageRefused)

    worker.send_frame(1)

    assert (refused.sequence, refused.send_frame) == (1, True)
    assert worker.hears(BlockReleased).sequences == [1]
    assert viewer.image().tobytes() == PIXELS


def test_a_missing_file_is_refused_for_good(worker: Worker) -> None:
    worker.send(image(1, FileRef(path="/nowhere.tif")))

    assert not worker.hears(ImageRefused).send_frame


def test_a_frame_of_the_wrong_size_is_refused_for_good(viewer: Viewer, worker: Worker) -> None:
    worker.send_frame(1, PIXELS[:-1])

    refused = worker.hears(ImageRefused)
    assert (refused.sequence, refused.send_frame) == (1, False)
    assert "11" in refused.reason
    assert worker.ask(Beat(id="b", session=worker.session, last=1)).received == 1
    assert len(viewer.store) == 0


def test_a_frame_that_is_not_there_is_refused(worker: Worker) -> None:
    worker.send(image(1, FrameRef(frame=7, nbytes=12)), frames=(PIXELS,))

    assert worker.hears(ImageRefused).sequence == 1


def test_a_block_of_the_wrong_size_is_refused(viewer: Viewer, worker: Worker) -> None:
    worker.send(image(1, viewer.lender.lend(5).ref))

    assert worker.hears(ImageRefused).sequence == 1


def test_one_refused_image_of_a_batch_does_not_hold_up_the_others(viewer: Viewer, worker: Worker) -> None:
    missing = FrameRef(frame=9, nbytes=12)

    worker.send(image(1), image(2, missing), image(3), frames=(PIXELS,))

    assert worker.hears(ImageRefused).sequence == 2
    assert worker.hears(BlockReleased).sequences == [1, 3]
    assert len(viewer.store) == 2


def test_a_block_that_is_gone_in_the_middle_of_a_batch_is_the_only_one_asked_for_again(
    viewer: Viewer, worker: Worker
) -> None:
    blocks = [viewer.lender.lend(12).ref for _ in range(3)]
    viewer.lender.take_back(blocks[1])

    worker.send(*[image(sequence, ref) for sequence, ref in enumerate(blocks, start=1)])

    assert worker.hears(ImageRefused).sequence == 2
    assert worker.hears(BlockReleased).sequences == [1, 3]
    worker.send_frame(2)
    assert worker.hears(BlockReleased).sequences == [2]
    assert worker.ask(Beat(id="b", session=worker.session, last=3)).received == 3


def test_what_was_adopted_before_a_mistake_of_our_own_is_released(
    viewer: Viewer, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.send(image(1), image(2, viewer.lender.lend(13).ref), image(3), frames=(PIXELS,))

    assert worker.hears(BlockReleased).sequences == [1]
    worker.send_frame(3)
    assert worker.hears(BlockReleased).sequences == [3]
    assert "a mistake" in caplog.text


def test_an_item_that_is_none_is_refused_by_its_number_and_the_others_are_taken(
    viewer: Viewer, worker: Worker
) -> None:
    good = msgspec.to_builtins(image(2))
    bad = good | {"sequence": 1, "spec": {"shape": [2, 2], "dtype": "float99"}}
    batch = {"type": "Batch", "session": worker.session, "oldest": 1, "items": [bad, good]}

    worker.data.send_multipart([msgspec.json.encode(batch), PIXELS])

    refused = worker.hears(ImageRefused)
    assert (refused.sequence, refused.send_frame) == (1, False)
    assert "float99" in refused.reason
    assert worker.hears(BlockReleased).sequences == [2]


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"oldest": "1"}, "`$.oldest`"),
        ({"items": [{"type": "ImageReady", "sequence": 1.0}]}, "`$.items[0].sequence`"),
        ({"items": []}, "length >= 1"),
    ],
)
def test_who_sent_a_batch_of_which_nothing_can_be_taken_learns_why(
    worker: Worker, mistake: dict[str, object], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    batch = {
        "type": "Batch",
        "session": worker.session,
        "oldest": 1,
        "items": [msgspec.to_builtins(image(1))],
    }

    worker.data.send_multipart([msgspec.json.encode(batch | mistake), PIXELS])

    failed = worker.hears(Failed)
    assert failed.reply_to == "unknown"
    assert said in failed.error
    assert said in caplog.text
    worker.send_frame(1)
    assert worker.hears(BlockReleased).sequences == [1]


def test_so_does_who_sent_one_that_is_no_json(worker: Worker) -> None:
    worker.data.send(b'{"type": "Batch", "session": "%s", "sent_at": NaN}' % worker.session.encode())

    assert "JSON is malformed" in worker.hears(Failed).error


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_on_the_data_port_is_counted_and_the_viewer_goes_on(worker: Worker, garbage: bytes) -> None:
    worker.data.send_multipart([garbage, b"more"])
    worker.send_frame(1)
    worker.hears(BlockReleased)

    assert worker.counters().malformed == 1


def test_an_oversized_message_on_the_data_port_is_counted_and_the_viewer_goes_on(worker: Worker) -> None:
    worker.data.send_multipart([encode(Open(session="s")) + b" " * MAX_MESSAGE_NBYTES] * 2)
    worker.send_frame(1)
    worker.hears(BlockReleased)

    assert worker.counters().malformed == 1


def test_an_oversized_message_on_the_control_port_costs_its_sender_alone_the_connection(
    worker: Worker, new_worker: Callable[[], Worker]
) -> None:
    new_worker().control.send_multipart([b"", b" " * (MAX_MESSAGE_NBYTES + 1)])

    assert worker.counters().workers == 1


def test_frames_that_nobody_refers_to_are_passed_over(viewer: Viewer, worker: Worker) -> None:
    worker.control.send_multipart([b"", encode(Ping(id="p")), *[b"more"] * 100])
    assert worker.hears(Pong).reply_to == "p"

    worker.send(image(1, FrameRef(frame=100, nbytes=12)), frames=(*[b""] * 99, PIXELS, b"", b""))

    assert worker.hears(BlockReleased).sequences == [1]
    assert viewer.image().tobytes() == PIXELS


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_on_the_control_port_is_counted_and_answered(worker: Worker, garbage: bytes) -> None:
    worker.control.send_multipart([b"", garbage])

    assert worker.hears(Failed).reply_to == "unknown"
    assert worker.counters().malformed == 1


def test_who_asks_several_things_at_once_learns_which_was_wrong(worker: Worker) -> None:
    worker.control.send_multipart([b"", b'{"type": "Navigate", "id": "n", "without": ["mood"]}'])
    worker.control.send_multipart([b"", encode(Ping(id="p"))])

    assert worker.hears(Failed).reply_to == "n"
    assert worker.hears(Pong).reply_to == "p"


@pytest.mark.parametrize("frames", [[b"no delimiter"], [b""], [b"x", b"y"]])
def test_frames_that_no_req_sends_are_answered(worker: Worker, frames: list[bytes]) -> None:
    worker.control.send_multipart(frames)

    assert "empty frame" in worker.hears(Failed).error


@pytest.mark.parametrize("message", [Heard(session="s"), Open(session="s"), Done(reply_to="x")])
def test_a_message_that_is_no_request_is_answered_too(worker: Worker, message: Message) -> None:
    assert type(message).__name__ in worker.ask(message).error


def test_a_control_message_on_the_data_port_is_counted(worker: Worker) -> None:
    worker.data.send(encode(Ping(id="1")))
    worker.send_frame(1)
    worker.hears(BlockReleased)

    assert worker.counters().malformed == 1


def test_a_plain_req_gets_exactly_one_reply_to_each_request(viewer: Viewer, connect: Connect) -> None:
    keys = viewer.keys
    pair = {"server": keys.public, "public": keys.client_public, "secret": keys.client_secret}
    client = connect(zmq.REQ, viewer.sockets.control_port, **pair)
    replies = []
    for request in (encode(Ping(id="1")), b"garbage", encode(Heard(session="s")), encode(Ping(id="2"))):
        client.send(request)
        assert client.poll(PATIENCE_MILLISECONDS)
        replies.append(decode(client.recv()).reply_to)

    assert replies == ["1", "unknown", "unknown", "2"]


# Beats, goodbyes, questions.


def test_a_beat_is_answered_with_the_last_number_before_a_gap(worker: Worker) -> None:
    for sequence in (1, 2, 4):
        worker.send_frame(sequence)
        worker.hears(BlockReleased)

    beat = worker.ask(Beat(id="b", session=worker.session, last=4))

    assert beat == Received(reply_to="b", session=worker.session, received=2)


def test_what_is_no_longer_owed_makes_no_gap(worker: Worker) -> None:
    worker.send(image(5), frames=(PIXELS,), oldest=5)
    worker.hears(BlockReleased)

    assert worker.ask(Beat(id="b", session=worker.session, last=5)).received == 5


def test_a_beat_of_another_session_fails(worker: Worker) -> None:
    failed = worker.ask(Beat(id="b", session="nobody's", last=0))

    assert isinstance(failed, Failed)
    assert failed.reply_to == "b"


def test_goodbye_is_answered_when_the_last_number_is_held(worker: Worker) -> None:
    worker.control.send_multipart([b"", encode(Goodbye(id="g", session=worker.session, last=2))])
    for sequence in (1, 2):
        worker.send_frame(sequence)

    assert worker.gets_back(2) == [1, 2]
    assert worker.hears(Done) == Done(reply_to="g")
    assert worker.counters().workers == 0


def test_every_goodbye_gets_its_reply(worker: Worker) -> None:
    for request in ("g1", "g2"):
        goodbye = Goodbye(id=request, session=worker.session, last=1)
        worker.control.send_multipart([b"", encode(goodbye)])
    worker.send_frame(1)
    worker.hears(BlockReleased)

    assert [worker.hears(Done).reply_to for _ in range(2)] == ["g1", "g2"]


def test_a_goodbye_of_a_session_that_nobody_knows_fails(worker: Worker) -> None:
    failed = worker.ask(Goodbye(id="g", session="nobody's", last=5))

    assert isinstance(failed, Failed)
    assert failed.reply_to == "g"


def test_a_goodbye_after_a_long_silence_fails_even_the_second_time(viewer: Viewer, worker: Worker) -> None:
    viewer.clock.advance(SILENCE_SECONDS + 1)
    while worker.counters().workers:
        pass

    replies = [worker.ask(Goodbye(id=request, session=worker.session, last=5)) for request in ("g1", "g2")]

    assert all(isinstance(reply, Failed) for reply in replies)


def test_a_goodbye_of_a_session_that_ended_with_one_is_done(worker: Worker) -> None:
    replies = [worker.ask(Goodbye(id=request, session=worker.session, last=0)) for request in ("g1", "g2")]

    assert replies == [Done(reply_to="g1"), Done(reply_to="g2")]


def test_after_a_goodbye_the_workers_segments_are_forgotten(
    viewer: Viewer, new_worker: Callable[[], Worker], block: LentBlock
) -> None:
    worker = new_worker()
    worker.session = worker.say_hello(viewer.lender.offer).session

    worker.ask(Goodbye(id="g", session=worker.session, last=0))

    assert viewer.opener.forgotten == [viewer.lender.offer.name]


def test_a_worker_that_fell_silent_has_to_say_hello_again(viewer: Viewer, worker: Worker) -> None:
    viewer.clock.advance(SILENCE_SECONDS + 1)
    while worker.counters().workers:
        pass

    assert isinstance(worker.ask(Beat(id="b", session=worker.session, last=0)), Failed)


def test_a_goodbye_whose_images_never_came_fails_when_its_worker_fell_silent(
    viewer: Viewer, worker: Worker
) -> None:
    worker.control.send_multipart([b"", encode(Goodbye(id="g", session=worker.session, last=9))])
    worker.counters()
    viewer.clock.advance(SILENCE_SECONDS + 1)
    viewer.answers.wake()

    assert worker.hears(Failed).reply_to == "g"


@pytest.mark.parametrize("state", ["starting", "ready", "closing"])
def test_a_ping_tells_the_windows_state_and_age(viewer: Viewer, worker: Worker, state: ViewerState) -> None:
    viewer.presence.state = state
    viewer.presence.see_window()
    viewer.clock.advance(4)

    pong = worker.ask(Ping(id="p"))

    assert (pong.reply_to, pong.state, pong.window_age_seconds) == ("p", state, 4)


def test_images_are_counted(viewer: Viewer, worker: Worker) -> None:
    worker.send(image(1), image(2), frames=(PIXELS,))
    worker.hears(BlockReleased)

    assert worker.counters() == Counters(received=2, adopted=2, nbytes=24, workers=1)


def test_questions_go_to_the_window_and_its_answer_comes_back(viewer: Viewer, worker: Worker) -> None:
    worker.control.send_multipart([b"", encode(Screenshot(id="s"))])
    question = viewer.window_gets()
    assert isinstance(question, Question)

    viewer.answers.put(Answer(question.identity, Done(reply_to="s"), (b"frame",)))

    assert worker.control.poll(PATIENCE_MILLISECONDS)
    assert worker.control.recv_multipart() == [b"", encode(Done(reply_to="s")), b"frame"]


def test_an_answer_that_cannot_be_written_fails(viewer: Viewer, worker: Worker) -> None:
    worker.control.send_multipart([b"", encode(Screenshot(id="s"))])
    question = viewer.window_gets()

    viewer.answers.put(Answer(question.identity, Failed(reply_to="s", error="\udcff")))

    assert worker.hears(Failed).reply_to == "s"


def test_shown_images_are_told_to_their_worker(viewer: Viewer, worker: Worker) -> None:
    for sequence in (1, 2):
        viewer.answers.put(ShownImage(worker.worker_run, sequence, 0.25))

    shown: list[int] = []
    while len(shown) < 2:
        shown += worker.hears(ImageShown).sequences
    assert shown == [1, 2]
    assert worker.counters().shown == 2


def test_images_whose_session_is_over_are_counted_as_shown(viewer: Viewer, worker: Worker) -> None:
    viewer.answers.put(ShownImage("nobody's", 1, 0.25))

    while not (counters := worker.counters()).shown:
        pass
    assert counters.shown == 1


# What a ping tells besides.


def test_a_ping_tells_how_long_each_hop_takes(viewer: Viewer, worker: Worker) -> None:
    worker.send(image(1), frames=(PIXELS,), sent_at=1999.5)
    worker.hears(BlockReleased)
    viewer.answers.put(ShownImage(worker.worker_run, 1, 0.25))
    worker.hears(ImageShown)

    latency = worker.pong().latency

    hops = {"wire": 0.5, "store": 0.0, "draw": 0.25}
    assert latency == {hop: Latency(p50=seconds, p99=seconds) for hop, seconds in hops.items()}


@pytest.mark.parametrize(("sent_at", "hops"), [(0.0, {"store"}), (9000.0, {"wire", "store"})])
def test_a_worker_without_a_clock_or_with_a_fast_one_spoils_no_times(
    worker: Worker, sent_at: float, hops: set[str]
) -> None:
    worker.send(image(1), frames=(PIXELS,), sent_at=sent_at)
    worker.hears(BlockReleased)

    latency = worker.pong().latency

    assert latency == {hop: Latency(p50=0.0, p99=0.0) for hop in hops}


def test_a_ping_tells_what_each_worker_said_of_its_images(
    worker: Worker, new_worker: Callable[[], Worker]
) -> None:
    other = new_worker()
    other.name = "host:2"
    other.open()
    status = WorkerStatus(overflow="latest", published=9, dropped={"latest": 4})
    for said in (status, None):
        other.ask(Beat(id="b", session=other.session, last=0, status=said))

    pong = worker.pong()

    named = msgspec.structs.replace(status, name="host:2")
    assert sorted(pong.workers, key=lambda each: each.name) == [WorkerStatus(), named]
    assert pong.counters.dropped == 4


def test_the_window_gets_the_same_numbers_as_whoever_pings(viewer: Viewer, worker: Worker) -> None:
    worker.send_frame(1)
    worker.gets_back(1)

    pong = viewer.status()

    assert pong.counters == worker.counters()
    assert len(pong.workers) == 1


def test_each_policy_that_drops_images_of_a_worker_is_trouble_once(viewer: Viewer, worker: Worker) -> None:
    for dropped in ({"spill": 0}, {"latest": 4}, {"latest": 5, "drop_oldest": 1}):
        worker.ask(Beat(id="b", session=worker.session, last=0, status=WorkerStatus(dropped=dropped)))

    viewer.status()

    assert [(trouble.kind, trouble.what) for trouble in viewer.troubles] == [
        ("dropped", "latest"),
        ("dropped", "drop_oldest"),
    ]


def test_an_image_that_cannot_be_taken_is_trouble(viewer: Viewer, worker: Worker) -> None:
    worker.send_frame(1, b"too few")

    worker.hears(ImageRefused)
    viewer.status()

    assert [trouble.kind for trouble in viewer.troubles] == ["refused"]


def test_images_of_one_dead_worker_are_trouble_once(viewer: Viewer, new_worker: Callable[[], Worker]) -> None:
    dead = new_worker().open()
    for sequence in (1, 2, 3):
        viewer.leaves_behind(dead, sequence)
        viewer.image()

    viewer.status()

    assert [trouble.kind for trouble in viewer.troubles] == ["recovered"]


def test_what_a_worker_dropped_counts_when_it_is_gone(
    worker: Worker, new_worker: Callable[[], Worker]
) -> None:
    other = new_worker().open()
    other.ask(Beat(id="b", session=other.session, last=0, status=WorkerStatus(dropped={"latest": 4})))
    other.ask(Goodbye(id="g", session=other.session, last=0))

    pong = worker.pong()

    assert pong.counters == Counters(workers=1, dropped=4)
    assert pong.workers == [WorkerStatus()]


def test_a_status_as_long_as_no_worker_has_one_is_left_out(worker: Worker) -> None:
    status = WorkerStatus(dropped={str(number): 1 for number in range(MAX_KINDS + 1)})

    reply = worker.ask(Beat(id="b", session=worker.session, last=0, status=status))

    assert isinstance(reply, Received)
    assert worker.counters() == Counters(malformed=1, workers=1)


# When workers die.


def test_a_dead_workers_images_are_shown_and_it_is_not_counted_any_more(
    viewer: Viewer, worker: Worker, new_worker: Callable[[], Worker]
) -> None:
    dead = new_worker().open()
    viewer.leaves_behind(dead, 5)

    assert viewer.image().tobytes() == PIXELS
    assert worker.counters() == Counters(adopted=1, recovered=1, nbytes=12, workers=1)
    assert worker.pong().workers == [WorkerStatus()]


def test_what_a_dead_worker_sent_is_taken_in_though_it_comes_late(
    viewer: Viewer, worker: Worker, new_worker: Callable[[], Worker]
) -> None:
    dead = new_worker().open()
    viewer.leaves_behind(dead, 1)
    viewer.image()

    dead.send(image(1), RunStarted(sequence=2, run="r"), image(3), frames=(PIXELS,))

    assert isinstance(viewer.window_gets(), RunStarted)
    assert viewer.window_gets().ready.sequence == 3
    assert worker.counters() == Counters(
        received=1, adopted=2, recovered=1, duplicates=1, nbytes=24, workers=1
    )


def test_an_image_that_came_before_its_worker_died_is_shown_once(viewer: Viewer, worker: Worker) -> None:
    worker.send_frame(1)
    worker.hears(BlockReleased)
    viewer.leaves_behind(worker, 1)

    while worker.counters().workers:
        pass

    assert worker.counters().recovered == 0
    assert len(viewer.store) == 1


def test_when_nothing_more_comes_of_a_dead_worker_its_session_is_over_and_its_segments_are_forgotten(
    viewer: Viewer, new_worker: Callable[[], Worker]
) -> None:
    dead = new_worker()
    dead.session = dead.say_hello(viewer.lender.offer).session
    viewer.leaves_behind(dead, 1)
    viewer.image()

    viewer.later(ORPHANED_SILENCE_SECONDS + 1)

    while not isinstance(dead.ask(Beat(id="b", session=dead.session, last=1)), Failed):
        viewer.later(ORPHANED_SILENCE_SECONDS + 1)
    assert set(viewer.opener.forgotten) == {viewer.lender.offer.name}


def test_a_worker_that_lives_on_after_all_says_hello_and_its_numbers_count(
    viewer: Viewer, worker: Worker
) -> None:
    viewer.leaves_behind(worker, 1)
    viewer.image()

    worker.open()
    worker.send_frame(1)

    assert worker.hears(BlockReleased).sequences == [1]
    assert worker.counters() == Counters(adopted=1, recovered=1, duplicates=1, nbytes=12, workers=1)


def test_a_viewer_that_is_closing_leaves_dead_workers_images_to_the_next_one(
    viewer: Viewer, worker: Worker
) -> None:
    viewer.presence.state = "closing"
    viewer.leaves_behind(worker, 1)

    assert worker.counters() == Counters(workers=1)
    assert len(viewer.orphans.owed) == 1


# A full store.


def test_while_the_store_is_full_images_wait_and_questions_are_answered(
    viewer: Viewer, worker: Worker
) -> None:
    viewer.has_room_for(2)
    for sequence in range(1, 7):
        worker.send_frame(sequence)
    arrived = [viewer.image() for _ in range(3)]  # the third is more than there is room for
    released = worker.gets_back(3)

    counted = [worker.counters().adopted for _ in range(5)]
    viewer.has_room_for(100)

    assert counted == [3] * 5
    assert released + worker.gets_back(3) == [1, 2, 3, 4, 5, 6]
    arrived += [viewer.image() for _ in range(3)]
    assert [pixels.tobytes() for pixels in arrived] == [PIXELS] * 6


def test_images_that_leave_the_store_make_room_for_those_that_wait(viewer: Viewer, worker: Worker) -> None:
    viewer.store.start(on_back=lambda _: None, on_room=viewer.sockets.bell_rope())
    try:
        viewer.has_room_for(2)
        for sequence in range(1, 41):
            worker.send_frame(sequence)

        assert worker.gets_back(40) == list(range(1, 41))
        assert [viewer.image().tobytes() for _ in range(40)] == [PIXELS] * 40
        assert viewer.store.spilled_images > 30
    finally:
        viewer.store.stop()


def test_while_the_store_is_full_dead_workers_images_wait_too(viewer: Viewer, worker: Worker) -> None:
    viewer.has_room_for(0)
    worker.send_frame(1)
    viewer.image()
    worker.gets_back(1)

    viewer.leaves_behind(worker, sequence=2)
    before = worker.counters()
    viewer.has_room_for(100)
    viewer.later(1)

    assert before.recovered == 0
    assert viewer.image().tobytes() == PIXELS
    assert worker.counters().recovered == 1
