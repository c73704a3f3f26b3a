"""The folders of one trial: its own for everything, and all of them gone afterwards."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ._clock import CLOCK, new_clock

SHARED_MEMORY = Path("/dev/shm")
TESTS = Path(__file__).parents[1]
EXIT_SECONDS = 60


class Places:
    """Where the processes of one trial find and leave things."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="chaos-"))
        memory = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else self.root
        self.segments = Path(tempfile.mkdtemp(prefix="chaos-", dir=memory))
        self.spill = self._new("spill")
        self.viewers = self._new("viewers")
        """The viewers' connection files."""
        self.workers = self._new("workers")
        """Where workers look for them."""
        self.books = self._new("books")
        """What workers and viewers write down."""
        self.logs = self._new("logs")
        self.clock = self.root / "clock"
        new_clock(self.clock)
        self._mounted: list[Path] = []

    def environment(self, *, runtime: Path) -> dict[str, str]:
        """Return the environment of a process that has its connection files there."""
        own = {name: str(self._new(name.lower())) for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "TMPDIR")}
        return {
            **os.environ,
            **own,
            "HCS_RUNTIME_DIR": str(runtime),
            "HCS_SHM_DIR": str(self.segments),
            "HCS_SPILL_DIR": str(self.spill),
            "HCS_EXIT_TIMEOUT": str(EXIT_SECONDS),
            "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
            "PYTHONFAULTHANDLER": "1",
            CLOCK: str(self.clock),
        }

    def mount(self, folder: Path, nbytes: int) -> None:
        """Make a folder a small device of its own."""
        _mount(folder, nbytes)
        self._mounted.append(folder)

    def left_in_memory(self) -> list[str]:
        """Return which segments are in the folder of shared memory."""
        return _segments(self.segments)

    def left_on_disk(self) -> list[str]:
        """Return which segments are in the folder of spilled images."""
        return _segments(self.spill)

    def remove(self) -> None:
        """Remove all of it; a second time is harmless."""
        while self._mounted:
            subprocess.run(["umount", "--lazy", self._mounted.pop()], check=False)
        shutil.rmtree(self.segments, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def _new(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


def why_no_mount() -> str:
    """Return why no small device can be mounted here, or an empty text."""
    if not sys.platform.startswith("linux") or os.geteuid():
        return "mounting a small device needs root on Linux"
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        _mount(folder, 1 << 20)
        subprocess.run(["umount", folder], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"a small device cannot be mounted: {error}"
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()
    return ""


def fill(folder: Path) -> Path:
    """Fill a folder's device to the last byte, and return the file to remove."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(shutil.disk_usage(folder).free or 4096))
    return path


def _mount(folder: Path, nbytes: int) -> None:
    options = f"size={nbytes},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True, capture_output=True)


def _segments(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("hcs-*"))
