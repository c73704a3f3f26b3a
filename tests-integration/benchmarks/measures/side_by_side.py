"""The same images through OpenHCS's streaming, and through a plain call in the pipeline's own process."""

from collections.abc import Sequence
from contextlib import ExitStack

from lanes.children import LaneError, start
from lanes.environments import MissingPeerError, interpreter
from lanes.places import Places, free_port

from .paced_costs import Layer
from .real_windows import LONG_SECONDS, NANOSECONDS, NO_SETTINGS, PlainWindow, RealWindow
from .report import Report
from .window_extent import WindowExtent

Call = tuple[int, int]
"""When a call to show an image began and ended, in nanoseconds."""
Times = dict[str, list[float]]
"""Seconds that a pipeline waits for each image, by the ways."""
STREAM_GAP = 0.1
"""Ten images a second, which is what a pipeline of a few workers makes."""


class OpenHCS:
    """Their viewer and their worker, in their environment."""

    def __init__(self, places: Places, children: ExitStack, extent: WindowExtent, *, install: bool) -> None:
        python = str(interpreter("openhcs", install=install))
        environ = places.environ() | NO_SETTINGS | {"HOME": str(places.folder)}  # it leaves things there
        port, shape = free_port(), extent.shape
        window = start(
            children, "windows.openhcs_window", port, log=places.log, python=python, environ=environ
        )
        self.window = RealWindow(window)
        self._sender = start(
            children, "windows.openhcs_sender", port, *shape, log=places.log, python=python, environ=environ
        )

    def stream(self, count: int, gap: float) -> list[Call]:
        """Send so many images to a window that is ready; returns when each call began and ended."""
        self._sender.ask("declare", count=count)
        self._sender.tell("send", first=1, count=count, gap=gap)
        return [(began, ended) for began, ended in self._sender.hear(LONG_SECONDS)["calls"]]


def measure_side_by_side(report: Report, places: Places, extent: WindowExtent, *, install: bool) -> None:
    """Note ``first_image_visible_x_openhcs``, ``worker_image_x_WAY`` and ``rss_x_pixels_WAY``.

    Each way has the machine to itself while it streams.
    """
    ours = _stream_ours(report, places, extent)
    theirs = {
        **_stream_theirs(report, places, extent, install=install),
        **_show_plainly(report, places, extent),
    }
    report.note("an image at the worker, ours", ours)
    for way, seconds in theirs.items():
        report.compare(f"worker_image_x_{way}", ours[: len(seconds)], seconds, len(seconds))
        report.note(f"an image at the worker, {way}", seconds)
    if "openhcs" in theirs:
        visible, their_visible = (report.seconds[_first(way)] for way in ("ours", "openhcs"))
        report.compare("first_image_visible_x_openhcs", visible, their_visible, len(visible))


def _first(way: str) -> str:
    return f"first image of a stream visible, {way}"


def _stream_ours(report: Report, places: Places, extent: WindowExtent) -> list[float]:
    with ExitStack() as children:
        layer = Layer(places, children, "timepoints", extent.shape)
        calls = layer.sender.send("timepoints", extent.stream, STREAM_GAP)
        report.note(_first("ours"), [(layer.window.painted(1) - calls[0][0]) / NANOSECONDS])
    return _seconds(calls)


def _stream_theirs(report: Report, places: Places, extent: WindowExtent, *, install: bool) -> Times:
    with ExitStack() as children:
        try:
            openhcs = OpenHCS(places, children, extent, install=install)
        except MissingPeerError as error:
            report.miss(str(error))
            return {}
        openhcs.window.settle()
        empty = openhcs.window.anonymous
        calls = openhcs.stream(extent.stream, STREAM_GAP)
        visible = (openhcs.window.painted(1) - calls[0][0]) / NANOSECONDS
        openhcs.window.settle()
        pixels = extent.stream * extent.image_nbytes
        report.ratios["rss_x_pixels_openhcs"] = (openhcs.window.anonymous - empty) / pixels
    report.note(_first("openhcs"), [visible])
    report.count("first_image_visible_seconds_openhcs", round(visible, 1))
    return {"openhcs": _seconds(calls)}


def _show_plainly(report: Report, places: Places, extent: WindowExtent) -> Times:
    """Let a pipeline show its images itself; a call ends when its image is painted.

    A plain window that drops its layers crashes now and then where the graphics are software's: another then.
    """
    try:
        return _show_in_plain_window(report, places, extent)
    except LaneError:
        report.count("plain_windows_crashed", 1)
        return _show_in_plain_window(report, places, extent)


def _show_in_plain_window(report: Report, places: Places, extent: WindowExtent) -> Times:
    with ExitStack() as children:
        window = PlainWindow(places, children, extent.shape)
        window.settle()
        empty = window.anonymous
        add = [window.show("add", number + 1) for number in range(extent.plain)]
        window.settle()
        pixels = extent.plain * extent.image_nbytes
        report.ratios["rss_x_pixels_add_image"] = (window.anonymous - empty) / pixels
        window.child.ask("clear")
        numbers = range(extent.plain + 1, 2 * extent.plain + 1)
        set_data = [window.show("set_data" if turn else "add", number) for turn, number in enumerate(numbers)]
    return {"add_image": add, "set_data": set_data[1:]}


def _seconds(calls: Sequence[Call]) -> list[float]:
    return [(ended - began) / NANOSECONDS for began, ended in calls]
