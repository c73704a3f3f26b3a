"""A viewer that is none, places of their own, and nothing left behind."""

import contextlib
import os
import queue
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import psutil
import pytest
import zmq

from hcs_protocol import (
    PLAIN,
    PROTOCOL_VERSION,
    Batch,
    Beat,
    BlockRef,
    BlockReleased,
    BlockUnavailableError,
    Clear,
    Connection,
    DisplayConfiguration,
    Done,
    Failed,
    FrameRef,
    GetImage,
    GetState,
    Goodbye,
    Heard,
    Hello,
    ImagePixels,
    ImageReady,
    ImageRefused,
    ImageShown,
    ImageSpec,
    Message,
    Open,
    Ping,
    PixelCopy,
    Pong,
    Received,
    Refuse,
    Screenshot,
    ScreenshotTaken,
    Shutdown,
    State,
    Welcome,
    WorkerStatus,
    decode,
    encode,
    new_id,
    runtime_folders,
    write_connection,
)
from hcs_protocol.testing import FakeLender, FakeOpener, FakeSpiller
from hcs_stream import _caretaker, _registry, _start, _starting, _tunnel, _viewers, _whereabouts
from hcs_stream._holdings import Holdings
from hcs_stream._publisher import Publisher
from hcs_stream._registry import close_publishers, join_publisher, leave_publisher
from hcs_stream._stream import Stream
from hcs_stream._viewers import find_viewer

LONG = 20.0
DEAD: set[str] = set()
"""The viewer_runs whose processes would be gone if they had one."""
SHARED_MEMORY = Path("/dev/shm")
ENDING_SECONDS = 5.0
THREADS_OF_ZARR = ("zarr_io", "asyncio_")
"""They stay for as long as the process lives."""


class FakeViewer:
    """Speaks the viewer's part on real sockets, in a thread; a test tells it how to behave."""

    def __init__(self, opener: FakeOpener, port: int = 0) -> None:
        self.opener = opener
        self.viewer_run = new_id()
        self.folders: list[str] = []
        self.credit = (64, 1 << 28)
        self.nonce: str | None = None
        self.codecs: list[str] = []
        self.refusal: str | None = None
        self.pong = Pong(
            reply_to="-",
            viewer_run=self.viewer_run,
            title="fake",
            state="ready",
            window_age_seconds=0.0,
            protocol_version=PROTOCOL_VERSION,
        )
        self.releases = True
        self.answers = True
        self.refuses: Callable[[ImageReady], bool] = lambda ready: False
        self.reason = "no"
        """Why it refuses them."""
        self.wants_frame = False
        self.state: State | None = None
        """What its window would show, if there was one."""
        self.png = b"a picture"
        self.image = ImagePixels(reply_to="-", spec=ImageSpec(shape=(2, 2), dtype="uint8"))
        """Which pixels it says that it sends; it sends none."""
        self.on_shutdown: Callable[[], object] = lambda: None
        self.cleared: list[tuple[str | None, str | None]] = []
        """Runs and steps."""
        self.hellos: list[Hello] = []
        self.goodbyes: list[Goodbye] = []
        self.statuses: list[WorkerStatus] = []
        self.accepted = {"control": 0, "data": 0}
        self.arrived: list[tuple[Any, bytes]] = []
        """Items and pixels, once each, in the order in which they were adopted."""
        self.batches: list[Batch] = []
        self.most_held = 0
        self._seen: dict[str, set[int]] = {}
        self._sessions: dict[str, tuple[bytes, str]] = {}
        self._held: list[tuple[str, int]] = []
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._bind(port)
        self.path = self._write_file()
        self._thread = threading.Thread(target=self._run, name="fake-viewer")
        self._thread.start()

    # What tests call.

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until this is so."""
        with self._changed:
            assert self._changed.wait_for(condition, LONG), "it never came about"

    def release(self, count: int = 1_000_000) -> None:
        """Release what is held, the oldest first."""
        self._do(lambda: self._release(count))

    def say(self, make: Callable[[str], Message], times: int = 1) -> None:
        """Say something about the last session."""
        self._do(lambda: [self._tell(make(list(self._sessions)[-1])) for _ in range(times)])

    def forget_sessions(self) -> None:
        """Forget who the workers are, as after a long silence."""
        self._do(self._sessions.clear)

    def lose_next_batch(self) -> None:
        """Overhear what comes next on the data channel."""
        self._losing = True

    def kill(self) -> None:
        """End at once, as `kill -9` does; the connection file stays if the process could still be there."""
        self._stopping.set()
        self._thread.join()
        self.context.destroy(linger=0)
        self.path.unlink(missing_ok=True)
        DEAD.add(self.viewer_run)

    def pixels(self) -> list[bytes]:
        """Return the pixels of all images that arrived."""
        return [pixels for item, pixels in self.arrived if isinstance(item, ImageReady)]

    def sequences(self) -> list[int]:
        """Return the numbers of all that arrived."""
        return [item.sequence for item, _ in self.arrived]

    # The viewer's part.

    _losing = False

    def _bind(self, port: int) -> None:
        self.context: zmq.Context[zmq.SyncSocket] = zmq.Context()
        public, secret = zmq.curve_keypair()
        client_public, client_secret = zmq.curve_keypair()
        self.control, self.data = (
            self._server(zmq.ROUTER, public, secret),
            self._server(zmq.SUB, public, secret),
        )
        self.data.subscribe(b"")
        self.data.bind(f"tcp://127.0.0.1:{port or '*'}")
        data_port = port or int(self.data.last_endpoint.rpartition(b":")[2])
        control_port = self.control.bind_to_random_port("tcp://127.0.0.1")
        self._monitors = {
            "control": self.control.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED),
            "data": self.data.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED),
        }
        self.connection = Connection(
            protocol_version=PROTOCOL_VERSION,
            viewer_run=self.viewer_run,
            title="fake",
            host="127.0.0.1",
            data_port=data_port,
            control_port=control_port,
            requested_port=data_port,
            pid=os.getpid(),
            start_time=psutil.Process().create_time(),
            public_key=public.decode(),
            client_public_key=client_public.decode(),
            client_secret_key=client_secret.decode(),
        )

    def _server(self, kind: int, public: bytes, secret: bytes) -> zmq.SyncSocket:
        socket = self.context.socket(kind)
        socket.linger = 0
        socket.set_hwm(0)
        socket.curve_server = True
        socket.curve_publickey, socket.curve_secretkey = public, secret
        return socket

    def _write_file(self) -> Path:
        return write_connection(self.connection, runtime_folders())

    def _do(self, task: Callable[[], object]) -> None:
        done = threading.Event()

        def run() -> None:
            task()
            done.set()

        self._tasks.put(run)
        assert done.wait(LONG)

    def _run(self) -> None:
        poller = zmq.Poller()
        for socket in (self.control, self.data):
            poller.register(socket, zmq.POLLIN)
        while not self._stopping.is_set():
            poller.poll(5)
            with self._changed:
                self._turn()
                self._changed.notify_all()
            while not self._tasks.empty():
                self._tasks.get()()

    def _turn(self) -> None:
        for name, monitor in self._monitors.items():
            while monitor.poll(0):
                monitor.recv_multipart()
                self.accepted[name] += 1
        if not self.answers:
            return
        while self.control.poll(0):
            identity, _, data, *_ = self.control.recv_multipart()
            self._on_control(identity, decode(data))
        while self.data.poll(0):
            self._on_data(self.data.recv_multipart())

    def _on_control(self, identity: bytes, message: Message) -> None:
        match message:
            case Hello():
                self.hellos.append(message)
                self._reply(identity, self._welcome(identity, message))
            case Beat() if message.session not in self._sessions:
                self._reply(identity, Failed(reply_to=message.id, error="unknown session"))
            case Beat():
                self.statuses += [message.status] if message.status else []
                seen = self._seen.get(self._sessions[message.session][1], set())
                received = Received(reply_to=message.id, session=message.session, received=len(seen))
                self._reply(identity, received)
            case Goodbye():
                self.goodbyes.append(message)
                self._reply(identity, Done(reply_to=message.id))
            case Ping():
                self._reply(identity, msgspec.structs.replace(self.pong, reply_to=message.id))
            case _:
                self._on_question(identity, message)

    def _on_question(self, identity: bytes, message: Message) -> None:
        match message:
            case GetState() if self.state is not None:
                self._reply(identity, msgspec.structs.replace(self.state, reply_to=message.id))
            case GetState():
                self._reply(identity, Failed(reply_to=message.id, error="there is no window"))
            case GetImage():
                self._reply(identity, msgspec.structs.replace(self.image, reply_to=message.id))
            case Clear():
                self.cleared.append((message.run, message.step))
                self._reply(identity, Done(reply_to=message.id))
            case Screenshot():
                self._reply(identity, ScreenshotTaken(reply_to=message.id, png=self.png))
            case Shutdown():
                self.on_shutdown()
                self._reply(identity, Done(reply_to=message.id))

    def _welcome(self, identity: bytes, hello: Hello) -> Welcome | Refuse:
        if self.refusal:
            return Refuse(reply_to=hello.id, reason=self.refusal, protocol_version=PROTOCOL_VERSION)
        others = {session: who for session, who in self._sessions.items() if who[1] != hello.worker_run}
        self._held = [held for held in self._held if held[0] in others]
        session = new_id()
        self._sessions = {**others, session: (identity, hello.worker_run)}
        nonce = self.nonce
        if nonce is None and hello.segment:
            with contextlib.suppress(BlockUnavailableError):
                nonce = self.opener.read_nonce(hello.segment)
        return Welcome(
            reply_to=hello.id,
            session=session,
            folders=self.folders,
            viewer_run=self.viewer_run,
            protocol_version=PROTOCOL_VERSION,
            title="fake",
            nonce=nonce,
            credit_images=self.credit[0],
            credit_nbytes=self.credit[1],
            codecs=self.codecs,
        )

    def _on_data(self, frames: list[bytes]) -> None:
        message = decode(frames[0])
        if message.session not in self._sessions:
            return
        match message:
            case Open():
                self._tell(Heard(session=message.session))
            case Batch() if self._losing:
                self._losing = False
            case Batch():
                self.batches.append(message)
                for item in message.items:
                    self._take(message.session, item, frames)
                if self.releases:
                    self._release(len(self._held))

    def _take(self, session: str, item: Any, frames: list[bytes]) -> None:
        pixels = getattr(item, "pixels", None)
        is_plain = isinstance(pixels, FrameRef) and pixels.codec == PLAIN
        if isinstance(item, ImageReady) and self.refuses(item) and not (is_plain and self.wants_frame):
            refused = ImageRefused(
                session=session, sequence=item.sequence, reason=self.reason, send_frame=self.wants_frame
            )
            self._tell(refused)
            return
        self._held.append((session, item.sequence))
        self.most_held = max(self.most_held, len(self._held))
        seen = self._seen.setdefault(self._sessions[session][1], set())
        if item.sequence not in seen:
            seen.add(item.sequence)
            self.arrived.append((item, self._pixels(item, frames)))

    def _pixels(self, item: Any, frames: list[bytes]) -> bytes:
        match getattr(item, "pixels", None):
            case BlockRef() as ref:
                return bytes(self.opener.open(ref))
            case FrameRef(frame=frame):
                return frames[frame]
            case _:
                return b""

    def _release(self, count: int) -> None:
        released, self._held = self._held[:count], self._held[count:]
        for session, sequence in released:
            self._tell(BlockReleased(session=session, sequences=[sequence]))
            self._tell(ImageShown(session=session, sequences=[sequence]))

    def _tell(self, message: Any) -> None:
        self._reply(self._sessions[message.session][0], message)

    def _reply(self, identity: bytes, message: Message) -> None:
        self.control.send_multipart([identity, b"", encode(message)])


class NumpyWriter:
    """Writes arrays of numpy."""

    def layout(self, array: object) -> tuple[tuple[int, ...], str]:
        """Return shape and dtype."""
        known = np.asarray(array)
        return known.shape, known.dtype.name

    def write(self, array: object, pixels: memoryview) -> None:
        """Copy."""
        known = np.asarray(array)
        np.copyto(np.frombuffer(pixels, known.dtype).reshape(known.shape), known)

    def start(self, array: object, pixels: memoryview) -> PixelCopy | None:
        """Copy at once."""
        self.write(array, pixels)
        return None

    def finish(self) -> None:
        """Have nothing to finish."""


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's own viewers and logs out of it; returns the runtime folder."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("HCS_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("HCS_SPILL_DIR", str(tmp_path / "spill"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)  # to be found anew
    monkeypatch.setattr(_starting, "_starts", {})
    for module in (_viewers, _start, _starting, _whereabouts, _tunnel):
        monkeypatch.setattr(module, "runtime_folders", lambda: [runtime])  # not /run/user
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HCS_VIEWER_COMMAND", raising=False)
    monkeypatch.delenv("HCS_RUN", raising=False)
    return runtime


@pytest.fixture(autouse=True)
def nothing_left_behind(own_places: Path) -> Iterator[None]:
    """Fail a test that leaves a process, a thread or a segment, and say which."""
    before = _what_is_there()
    yield
    left = {kind: found - before[kind] for kind, found in _what_is_there().items()}
    left["threads"] = {thread for thread in left["threads"] if not _ends_by_itself(thread)}
    assert not any(left.values()), f"left behind: { {kind: found for kind, found in left.items() if found} }"


def _ends_by_itself(thread: threading.Thread) -> bool:
    """Say whether a thread was told to end, as those of rich, which nobody waits for."""
    thread.join(ENDING_SECONDS)
    return not thread.is_alive()


def _what_is_there() -> dict[str, set[Any]]:
    segments = SHARED_MEMORY.glob("hcs-*") if SHARED_MEMORY.is_dir() else []
    threads = [
        thread
        for thread in threading.enumerate()
        if "GarbageCollector" not in type(thread).__name__ and not thread.name.startswith(THREADS_OF_ZARR)
    ]
    return {
        "threads": set(threads),
        "processes": set(_children()),
        "segments": {path.name for path in segments if str(os.getpid()) in path.name},
    }


def _children() -> Iterator[psutil.Process]:
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # gone
            if child.status() != psutil.STATUS_ZOMBIE and "tracker" not in " ".join(child.cmdline()):
                yield child


@pytest.fixture
def connection() -> Callable[..., Connection]:
    """Make the connection of a viewer that listens on a port."""

    def make(data_port: int = 5555, **changes: Any) -> Connection:
        known: dict[str, Any] = {
            "protocol_version": PROTOCOL_VERSION,
            "viewer_run": f"run-{data_port}",
            "title": f"Assay {data_port - 5554}",
            "host": "127.0.0.1",
            "data_port": data_port,
            "control_port": data_port + 1000,
            "requested_port": data_port,
            "pid": 4000 + data_port,
            "start_time": 1.0,
            "public_key": "-" * 40,
            "client_public_key": "-" * 40,
            "client_secret_key": "-" * 40,
        }
        return Connection(**known | changes)

    return make


@pytest.fixture
def lender() -> FakeLender:
    """A pool of ordinary memory."""
    return FakeLender()


@pytest.fixture
def new_viewer(
    lender: FakeLender, spiller: FakeSpiller, own_places: Path
) -> Iterator[Callable[..., FakeViewer]]:
    """Start another viewer: `new_viewer(port)`."""
    started: list[FakeViewer] = []

    def start(port: int = 0) -> FakeViewer:
        started.append(FakeViewer(FakeOpener(lender, spiller), port))
        return started[-1]

    yield start
    for viewer in started:
        viewer.kill()


@pytest.fixture
def viewer(new_viewer: Callable[..., FakeViewer]) -> FakeViewer:
    """A viewer that behaves."""
    return new_viewer()


@pytest.fixture
def spiller() -> FakeSpiller:
    """A disk of ordinary memory."""
    return FakeSpiller()


@pytest.fixture
def holdings(lender: FakeLender, spiller: FakeSpiller, monkeypatch: pytest.MonkeyPatch) -> Holdings:
    """Where the streams of a test keep their pixels."""
    made = Holdings(lambda: lender, lambda: spiller)
    monkeypatch.setattr(_registry._registry, "holdings", made)
    return made


@pytest.fixture
def new_stream(holdings: Holdings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stream]]:
    """Open a stream: `new_stream(port, overflow="spill")`; other keywords go to its publishers."""
    monkeypatch.setattr(_caretaker, "IDLE_SECONDS", 0.02)  # no pipeline computes that a look would disturb

    def make(port: int, **keywords: Any) -> Publisher:
        def find() -> Connection | None:
            found = find_viewer(port)
            return found.connection if found else None

        return Publisher(
            find, holdings, label=f"test:{port}", is_gone=lambda viewer: viewer.viewer_run in DEAD, **keywords
        )

    def new(*ports: int, overflow: str = "block(20)", **keywords: Any) -> Stream:
        publishers = [join_publisher(("test", port), partial(make, port, **keywords)) for port in ports]
        for publisher in publishers:
            publisher.start()
        display = DisplayConfiguration()
        writer = NumpyWriter()
        return Stream(
            publishers, holdings, writer, run="run", display=display, leave=leave_publisher, overflow=overflow
        )

    yield new
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCS_EXIT_TIMEOUT", "0.1")
        close_publishers()


@pytest.fixture
def stream(viewer: FakeViewer, new_stream: Callable[..., Stream]) -> Stream:
    """A stream to the viewer that behaves."""
    return new_stream(viewer.connection.data_port)


@pytest.fixture
def image() -> Callable[[int], npt.NDArray[np.uint8]]:
    """Make a small image of one grey value."""
    return lambda value: np.full((4, 5), value, np.uint8)
