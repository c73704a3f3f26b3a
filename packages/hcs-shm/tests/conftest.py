import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_cuda import FakeCuda, of
from hypothesis import HealthCheck, settings

from hcs_protocol import (
    Destination,
    FrameRef,
    ImageReady,
    ImageSpec,
    JournalEntry,
    encode_entry,
)
from hcs_shm import ArrayWriter

Run = Callable[..., str]
ENDING_SECONDS = 5.0

settings.register_profile(
    "hcs-shm",
    deadline=None,  # durations are for benchmarks
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # folders may be shared by examples
)
settings.load_profile("hcs-shm")


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of this test's segments in memory; a test that leaves one, or a thread, fails."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tests-of-hcs-shm-", dir=shared) as name:
        monkeypatch.setenv("HCS_SHM_DIR", name)
        yield Path(name)
        left = sorted(path.name for path in Path(name).rglob("hcs-*"))
        assert left == [], f"the test left segments: {left}"
        threads = [thread for thread in threading.enumerate() if thread.name.startswith("hcs-")]
        for thread in threads:
            thread.join(ENDING_SECONDS)  # one that has done its work may not be gone yet
        left = [thread.name for thread in threads if thread.is_alive()]
        assert left == [], f"the test left threads: {left}"


@pytest.fixture(autouse=True)
def spill_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of this test's segments on disk; a test that leaves one fails."""
    with tempfile.TemporaryDirectory(prefix="tests-of-hcs-shm-") as name:
        monkeypatch.setenv("HCS_SPILL_DIR", name)
        yield Path(name)
        left = sorted(path.name for path in Path(name).rglob("hcs-*"))
        assert left == [], f"the test left segments: {left}"


@pytest.fixture
def run_python() -> Run:
    """Run code in a Python of its own and return what it printed."""

    def run(code: str, *, code_expected: int = 0, **environ: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=50,
            env=os.environ | environ,
            check=False,
        )
        assert ran.returncode == code_expected, ran.stderr
        return ran.stdout

    return run


@pytest.fixture
def entry() -> Callable[..., bytes]:
    """Make the journal entry of an image of so many bytes, published to these ports."""

    def encoded(*ports: int, nbytes: int = 4096, published: int = 0, run: str = "w") -> bytes:
        image = ImageReady(
            sequence=1,
            spec=ImageSpec(shape=(1, nbytes), dtype="uint8"),
            pixels=FrameRef(frame=1, nbytes=nbytes),
        )
        destinations = [
            Destination(worker_run=run, host="localhost", data_port=port, published=published)
            for port in ports or (5555,)
        ]
        return encode_entry(JournalEntry(destinations=destinations, image=image))

    return encoded


@pytest.fixture
def cuda() -> FakeCuda:
    """A device that is none."""
    return FakeCuda()


@pytest.fixture
def writer(cuda: FakeCuda) -> ArrayWriter:
    """What copies from it."""
    return of(cuda)
