"""From nothing to the first image on the screen: ours, with and without a spare, and bare napari in turns."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
from lanes.children import Child, LaneError, start
from lanes.places import Places, free_port

from .real_windows import NANOSECONDS, NO_SETTINGS
from .report import Report
from .window_extent import Shape

STAMPS_FOLDER = "HCS_BENCH_STAMPS"
PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.02
SPARE = "--spare"
"""The argument that makes a viewer a spare; where it is found comes next."""
REST_SECONDS = 1.0
MEGABYTE = 1e6
STAGES = ("interpreter", "napari asked for", "napari imported", "window begun", "window made", "painted")
"""What both come by, in this order."""


@dataclass(frozen=True, kw_only=True)
class StartExtent:
    """How much is measured of starts."""

    shape: Shape
    rounds: int
    """Fresh viewers: so many of bare napari, of ours, and of ours from a spare."""
    warm_ups: int = 1
    """Starts of both before the first that counts: that of a day reads everything from the disk."""


FULL_STARTS = StartExtent(shape=(2048, 2048), rounds=11)
QUICK_STARTS = StartExtent(shape=(256, 256), rounds=1, warm_ups=0)


def measure_starts(report: Report, places: Places, extent: StartExtent) -> None:
    """Note ``first_image_x_bare_napari`` and ``warm_x_bare_napari``, and where the time goes.

    ``waited_x_bare_napari`` is of a worker that sends when the viewer is ready, without a spare.
    """
    stage = Stage(places, extent.shape)
    for _ in range(extent.warm_ups):
        stage.bare()
        stage.ours()
    bare, cold, warm, waited = [], [], [], []
    for turn in range(extent.rounds):
        if turn % 2:
            cold.append(stage.ours())
            bare.append(stage.bare())
        else:
            bare.append(stage.bare())
            cold.append(stage.ours())
        warm.append(stage.warm())
        waited.append(stage.ours(wait=True))
    report.compare("first_image_x_bare_napari", cold, bare, len(bare))
    report.compare("warm_x_bare_napari", warm, bare, len(bare))
    report.compare("waited_x_bare_napari", waited, bare, len(bare))
    for name, seconds in stage.seconds.items():
        report.note(name, seconds)
    report.count("spare_pss_mb", round(max(stage.spare_nbytes) / MEGABYTE))


class Stage:
    """Starts windows one after the other, and reads their stamps; nothing else runs meanwhile."""

    def __init__(self, places: Places, shape: Shape) -> None:
        self.seconds: dict[str, list[float]] = {}
        """Single times, by what took them."""
        self.spare_nbytes: list[int] = []
        self._places, self._shape = places, shape
        self._folder = places.new_folder("stamps")
        self._environ = places.environ() | NO_SETTINGS | {STAMPS_FOLDER: str(self._folder)}

    def bare(self) -> float:
        """Return the seconds of bare napari, since its interpreter began."""
        with ExitStack() as children:
            child = self._child(children, "windows.bare_start")
            stamps = self._stamps(child.process.pid)
            child.process.kill()
        return self._note("bare", stamps["interpreter"], stamps)

    def ours(self, *, wait: bool = False) -> float:
        """Return the seconds of ours, since a worker asked for it; it may wait until that is ready."""
        with ExitStack() as children:
            return self._first_image("ours, waited" if wait else "ours", self._sender(children), wait=wait)

    def warm(self) -> float:
        """Return the seconds of ours from a spare, since a worker asked for it."""
        environ = {"HCS_VIEWER_SPARE": "1"}
        with ExitStack() as children:
            self._first_image("before the spare", self._sender(children, environ))
            sender = self._sender(children, environ)
            children.callback(self._end_spares)
            self.spare_nbytes.append(self._spare().memory_full_info().pss)
            return self._first_image("spare", sender)

    def _first_image(self, name: str, sender: Child, *, wait: bool = False) -> float:
        port = free_port()
        told = sender.ask("first", port=port, wait=wait)
        while not (pid := sender.ask("pid", port=port)["pid"]):
            time.sleep(LOOK_SECONDS)
        stamps = self._stamps(pid)
        sender.ask("stop", port=port)
        self.seconds.setdefault(f"{name}, connect() returns", []).append(
            (told["connected"] - told["began"]) / NANOSECONDS
        )
        return self._note(name, told["began"], stamps)

    def _sender(self, children: ExitStack, environ: dict[str, str] | None = None) -> Child:
        child = self._child(children, "windows.first_sender", environ or {})
        child.wait_until_ready()
        return child

    def _child(self, children: ExitStack, module: str, environ: dict[str, str] | None = None) -> Child:
        environ = {**self._environ, **(environ or {})}
        return start(children, module, *self._shape, log=self._places.log, environ=environ)

    def _stamps(self, pid: int) -> dict[str, int]:
        path = self._folder / f"{pid}.json"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not path.exists():
            if time.monotonic() > deadline:
                raise LaneError(f"process {pid} has painted nothing; see {self._places.log}")
            time.sleep(LOOK_SECONDS)
        stamps: dict[str, int] = json.loads(path.read_text())
        path.unlink()
        return stamps

    def _spare(self) -> psutil.Process:
        """Return the process that waits to be taken, once it is primed and rests."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (primed := [spare for spare, path in self._spares() if path.exists()]):
            if time.monotonic() > deadline:
                raise LaneError(f"there is no spare; see {self._places.log}")
            time.sleep(LOOK_SECONDS)
        time.sleep(REST_SECONDS)
        return primed[0]

    def _spares(self) -> Iterator[tuple[psutil.Process, Path]]:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                command = process.cmdline()
                where = Path(command[command.index(SPARE) + 1]) if SPARE in command else Path()
                if where.is_relative_to(self._places.folder):
                    yield process, where

    def _end_spares(self) -> None:
        for spare, where in list(self._spares()):
            with suppress(psutil.Error):
                spare.kill()
            where.unlink(missing_ok=True)  # or the next one would seem to be primed

    def _note(self, name: str, began: int, stamps: dict[str, int]) -> float:
        passed = [(what, stamps[what]) for what in STAGES if stamps[what] >= began]
        for (_, before), (what, at) in pairwise([("", began), *passed]):
            self.seconds.setdefault(f"{name}, {what}", []).append((at - before) / NANOSECONDS)
        self.seconds.setdefault(f"{name}, processor", []).append(stamps["processor"] / NANOSECONDS)
        total = (stamps["painted"] - began) / NANOSECONDS
        self.seconds.setdefault(name, []).append(total)
        if "ready" in stamps:
            self.seconds.setdefault(f"{name}, ready after", []).append(
                (stamps["ready"] - began) / NANOSECONDS
            )
        return total
