"""How long the manager's window stands still, with many viewers and a large plate."""

import statistics
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

from lanes.children import Child, start
from lanes.places import Places

from .real_windows import NANOSECONDS
from .report import Report

ROWS, COLUMNS, SITES, CHANNELS, PLANES = (
    "ABCDEFGHIJKLMNOP",
    range(1, 25),
    range(1, 10),
    range(1, 6),
    range(1, 4),
)


@dataclass(frozen=True, kw_only=True)
class ManagerExtent:
    """How much there is to show, and how often it is done."""

    viewers: int
    images: int
    rounds: int
    paints: int
    """In each round."""


FULL_MANAGER = ManagerExtent(viewers=20, images=50_000, rounds=7, paints=5)
QUICK_MANAGER = ManagerExtent(viewers=3, images=400, rounds=1, paints=2)


def measure_manager(report: Report, places: Places, extent: ManagerExtent) -> None:
    """Note ``open_stall_x_paint``, ``scroll_stall_x_paint`` and ``select_stall_x_paint``.

    Each is the longest time for which the window's thread did not come back to its event loop, over the time
    in which the window paints itself as a whole; the median of all rounds. ``idle_stall_x_paint`` is the same
    while nobody does anything: what the machine adds.
    """
    plate = make_plate(places.new_folder("plate"), extent.images)
    environ = places.environ() | {
        "XDG_CONFIG_HOME": str(places.folder),
        "XDG_RUNTIME_DIR": str(places.folder),
    }
    with ExitStack() as children:
        others = start(children, "windows.stand_ins", extent.viewers, log=places.log, environ=environ)
        others.wait_until_ready()
        window = start(children, "windows.manager_window", extent.viewers, log=places.log, environ=environ)
        for _ in range(extent.rounds):
            report.note("open", [_seconds(window, "open", folder=str(plate), images=extent.images)])
            report.note("paint", [_seconds(window, "paint") for _ in range(extent.paints)])
            report.note("scroll", [_seconds(window, "scroll")])
            report.note("select", [_seconds(window, "select")])
            report.note("idle", [_seconds(window, "idle")])
    paint = statistics.median(report.seconds["paint"])
    for what in ("open", "scroll", "select"):
        report.ratios[f"{what}_stall_x_paint"] = statistics.median(report.seconds[what]) / paint
        report.count(f"worst_{what}_stall_x_paint", round(max(report.seconds[what]) / paint, 2))
    report.count("idle_stall_x_paint", round(statistics.median(report.seconds["idle"]) / paint, 2))
    report.count("viewers", extent.viewers)
    report.images = extent.images
    report.pairs = extent.rounds


def make_plate(folder: Path, images: int) -> Path:
    """Make the files of a plate, so many, without anything in them."""
    plate = folder / "Plate"
    plate.mkdir()
    places = product(ROWS, COLUMNS, SITES, CHANNELS, PLANES)
    for row, column, site, channel, plane in islice(places, images):
        (plate / f"{row}{column:02d}_s{site}_w{channel}_z{plane}_t1.tif").touch()
    return plate


def _seconds(window: Child, do: str, **arguments: object) -> float:
    return float(window.ask(do, **arguments)["nanoseconds"]) / NANOSECONDS
