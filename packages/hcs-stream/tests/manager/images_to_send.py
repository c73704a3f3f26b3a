"""Small plates on disk, streams that a test controls, and viewers that are none."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from hcs_protocol import ViewerStalledError
from hcs_stream import StreamCounters
from hcs_stream.manager._target import Target
from hcs_stream.sending import FoundImage, ImageTable, find_images
from hcs_stream.sending._image_table import columns_of

LONG = 20.0


def target(data_port: int = 5555, title: str = "Assay 7", viewer_run: str = "a run") -> Target:
    """Return a viewer that images can be sent to."""
    return Target(title=title, host="localhost", data_port=data_port, viewer_run=viewer_run)


def write_plate(
    folder: Path,
    wells: Sequence[str] = ("A01", "B02"),
    *,
    sites: int = 1,
    channels: int = 1,
    planes: int = 1,
) -> Path:
    """Write a plate of small images."""
    folder.mkdir(parents=True, exist_ok=True)
    for well in wells:
        for site in range(1, sites + 1):
            for channel in range(1, channels + 1):
                for plane in range(1, planes + 1):
                    name = f"{well}_s{site}_w{channel}_z{plane}_t1.tif"
                    tifffile.imwrite(folder / name, np.full((8, 8), site, "uint16"))
    return folder


def write_single_image(folder: Path) -> Path:
    """Write an OME-NGFF image of no plate, of two channels and three planes."""
    store = zarr.open_group(folder, mode="w", zarr_format=2)
    store.attrs["multiscales"] = [{"axes": [*"czyx"], "datasets": [{"path": "0"}]}]
    store.attrs["omero"] = {"channels": [{"label": "LaminB1"}, {"label": "Dapi"}]}
    store.create_array("0", shape=(2, 3, 8, 8), dtype="u2", fill_value=1)
    return folder


def table_of(folder: Path) -> ImageTable:
    """Return the images of a plate."""
    return ImageTable(columns_of(find_images([str(folder)])))


def images_of(folder: Path) -> list[FoundImage]:
    """Return the images of a plate, one by one."""
    table = table_of(folder)
    return [table.image(row) for row in range(len(table))]


class FakeStream:
    """A stream that notes what it is told, and stalls or waits when it is told to."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.sent: list[dict[str, Any]] = []
        self.declared: list[dict[str, Any]] = []
        self.states: list[str] = []
        self.is_closed = False
        self.stalls = 0
        """How often the viewer takes nothing."""
        self.gate = threading.Event()
        self.gate.set()
        self.at_gate = threading.Event()
        self.counters = StreamCounters()
        self.viewer_run = "a run"

    @property
    def viewer_runs(self) -> dict[str, str]:
        """Say which life of the viewer has the images."""
        return {"localhost:5555": self.viewer_run}

    def declare(self, **values: Any) -> None:
        """Note what is to come."""
        self.declared.append(values)

    def send(self, pixels: object, **keywords: Any) -> None:
        """Take an image."""
        if not self.gate.is_set():
            self.at_gate.set()
            assert self.gate.wait(LONG)
        if self.stalls:
            self.stalls -= 1
            raise ViewerStalledError("nothing was released")
        self.sent.append(keywords)

    def flush(self, timeout: float) -> None:
        """Have everything adopted."""

    def end_run(self, *, state: str = "completed") -> None:
        """Note how it ended."""
        self.states.append(state)

    def close(self, timeout: float) -> None:
        """Take no more."""
        self.is_closed = True


class FakeViewers:
    """Connects to streams; a viewer that is not there yet is a stalled one."""

    def __init__(self) -> None:
        self.streams: list[FakeStream] = []
        self.absent: set[int] = set()
        self.prepare: Callable[[FakeStream], None] = lambda stream: None
        self.looked = threading.Semaphore(0)

    def connect(self, wanted: Target, run: str) -> Any:
        """Return a stream to a viewer that is there."""
        self.looked.release()
        if wanted.data_port in self.absent:
            raise ViewerStalledError("no viewer is ready")
        stream = FakeStream(run)
        self.prepare(stream)
        self.streams.append(stream)
        return stream
