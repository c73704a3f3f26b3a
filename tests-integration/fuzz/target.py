"""A viewer's process that is to come to harm, and what became of it."""

import contextlib
import os
import random
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from hcs_protocol import BlockRef, Connection, find_connections, find_free_pair
from hcs_shm import BlockPool

TESTS = Path(__file__).parents[1]
SHARED_MEMORY = Path("/dev/shm")
PORTS = 11_000, 19_000
READY_SECONDS = 120.0
END_SECONDS = 30.0
UNHANDLED = re.compile(
    rb"failed what=|Traceback \(most recent call last\)|Assertion failed|Fatal Python error| ERROR ",
    re.MULTILINE,
)
"""What a log says of an exception that nobody expected; one that is logged with its traceback counts once."""
MANY, BLOCK_NBYTES = 4, 12


@dataclass
class Target:
    """One viewer that runs, or did."""

    process: "subprocess.Popen[bytes]"
    connection: Connection
    log: Path
    _found: list[str] = field(default_factory=list)
    _looked_upto: int = 0

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    @property
    def unhandled(self) -> list[str]:
        """What its log says of exceptions that nobody expected."""
        with self.log.open("rb") as log:
            log.seek(self._looked_upto)
            *whole, last = re.split(rb"(?m)^(?=\d{4}-\d\d-\d\d )", log.read())
        self._looked_upto += sum(map(len, whole))
        self._found += _unhandled(whole)
        return self._found + _unhandled([last])  # which may not be whole yet

    @property
    def resident_mb(self) -> float:
        """Its memory; 0 if it is gone."""
        with contextlib.suppress(psutil.Error):
            return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6
        return 0.0

    @property
    def peak_mb(self) -> float:
        """The most memory that it had at once; where that is not told, what it has."""
        with contextlib.suppress(OSError):
            said = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
            return int(said.partition("VmHWM:")[2].split()[0]) / 1e3
        return self.resident_mb


def _unhandled(entries: Iterable[bytes]) -> list[str]:
    return [entry.decode(errors="replace") for entry in entries if UNHANDLED.search(entry)]


class Places:
    """Folders of one run, and what lies in them to be named in messages."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="fuzz-"))
        memory = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else self.root
        self.segments = Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory))
        self.runtime = self._new("runtime")
        self.files = [str(path) for path in self._make_files()]
        self._pool = BlockPool(folder=self.segments)
        self.blocks = [self._lend() for _ in range(MANY)]
        self.blocks += self._strange_segments(self.segments / self.blocks[0].segment)

    @property
    def environment(self) -> dict[str, str]:
        """Of a viewer's process."""
        own = {name: str(self._new(name.lower())) for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "TMPDIR")}
        return {
            **os.environ,
            **own,
            "NAPARI_CONFIG": "",
            "HCS_RUNTIME_DIR": str(self.runtime),
            "HCS_SHM_DIR": str(self.segments),
            "HCS_SPILL_DIR": str(self._new("spill")),
            "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
            "PYTHONFAULTHANDLER": "1",
        }

    def close(self) -> None:
        """Remove them all."""
        self._pool.close()
        shutil.rmtree(self.segments, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def _new(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _lend(self) -> BlockRef:
        block = self._pool.lend(BLOCK_NBYTES)
        block.pixels[:] = bytes(range(BLOCK_NBYTES))
        return block.ref

    def _strange_segments(self, good: Path) -> list[BlockRef]:
        """Make what has a segment's name and is none."""
        chance = random.Random(0)
        with good.open("rb") as file:
            whole = file.read(8192)
        (self.segments / "hcs-1-empty").touch(mode=0o600)
        (self.segments / "hcs-1-link").symlink_to("/etc/passwd")
        (self.segments / "hcs-1-folder").mkdir()
        os.mkfifo(self.segments / "hcs-1-pipe", 0o600)
        for number in range(MANY):
            spoiled = bytearray(whole)
            spoiled[chance.randrange(200)] ^= 0xFF
            path = self.segments / f"hcs-1-spoiled{number}"
            path.touch(mode=0o600)
            path.write_bytes(spoiled)
        names = [path.name for path in sorted(self.segments.glob("hcs-1-*"))]
        return [BlockRef(segment=name, offset=4096, nbytes=BLOCK_NBYTES, generation=1) for name in names]

    def _make_files(self) -> Iterator[Path]:
        """Make files that no worker should name: pipes, links, halves of images."""
        folder = self._new("files")
        os.mkfifo(folder / "pipe")
        (folder / "loop").symlink_to(folder / "loop")
        for name, content in {
            "half.tif": b"II*\x00\x08\x00\x00\x00\xff\xff",
            "empty.tif": b"",
            "0": b"x",
        }.items():
            (folder / name).write_bytes(content)
        (folder / ".zarray").write_bytes(b'{"zarr_format": 2, "shape": [1e99]}')
        yield from folder.iterdir()


@contextlib.contextmanager
def running_viewer(
    places: Places,
    *,
    has_window: bool = False,
    insecure: bool = False,
    full: bool = False,
    descriptors: int | None = None,
) -> Iterator[Target]:
    """Run a viewer: with its window, or with a few lines in its place.

    Args:
        places: Where it finds and leaves things.
        has_window: Whether it has its window.
        insecure: Whether it lets everybody in.
        full: Whether its memory has room for nothing.
        descriptors: How many it may have; None leaves it as it is.
    """
    port, _ = find_free_pair(random.randrange(*PORTS), _is_free)
    program = (
        ["hcs_viewer", "--stdin-is-parent", "--memory", "200M", "--data-port"]
        if has_window
        else ["fuzz.viewer"]
    )
    command = [
        sys.executable,
        "-m",
        *program,
        str(port),
        *(["--insecure"] if insecure else []),
        *(["--full"] if full else []),
    ]
    if descriptors is not None:
        command = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
    log = places.root / f"viewer-{port}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, env=places.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
    with process:
        try:
            yield Target(process, _await_ready(process, places.runtime, log), log)
        finally:
            _end(process)


def _await_ready(process: "subprocess.Popen[bytes]", runtime: Path, log: Path) -> Connection:
    assert process.stdout is not None
    if select.select([process.stdout], [], [], READY_SECONDS)[0] and process.stdout.readline():
        for _, connection in find_connections([runtime]):
            if connection.pid == process.pid:
                return connection
    raise RuntimeError(f"no viewer: {log.read_text('utf-8', 'replace')[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
