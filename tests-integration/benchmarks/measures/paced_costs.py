"""What one image costs the viewer early in a layer, or in a plate, and late."""

import mmap
import time
from contextlib import ExitStack

import numpy as np
import psutil
from lanes.places import Places

from .real_windows import OurSender, OurWindow, memory_option
from .report import Report
from .window_extent import Shape, WindowExtent

ENOUGH = "16G"
"""A budget that no layer here reaches."""
SPARE = 2.0
"""How many times the pixels there has to be free memory, or the images are made smaller."""


class Layer:
    """A viewer that is sent a series, part of it at a pipeline's pace."""

    def __init__(self, places: Places, children: ExitStack, series: str, shape: Shape) -> None:
        self.window = OurWindow(places, children, *memory_option(ENOUGH))
        self.sender = OurSender(places, children, shape)
        self.sender.connect(self.window)
        self.window.settle()
        self.empty = self.window.anonymous
        self._series = series

    def hurry_to(self, number: int) -> None:
        """Send what is before this image, as fast as it goes."""
        self.sender.send(self._series, number - 1 - self.sender.sent)
        self.sender.flush()
        self.window.settle()

    def cost(self, count: int, gap: float) -> float:
        """Send so many images at a pace; returns seconds of the viewer's processors for each."""
        began = self.window.processor_seconds
        self.sender.send(self._series, count, gap)
        self.sender.flush()
        self.window.settle()
        return (self.window.processor_seconds - began) / count

    @property
    def rss_x_pixels(self) -> float:
        """How much memory the viewer took for each byte of pixels."""
        return (self.window.anonymous - self.empty) / self.sender.nbytes


def measure_layer_cost(report: Report, places: Places, extent: WindowExtent) -> None:
    """Note ``cost_image_1000_x_image_100``, of one axis that grows with every image, and ``rss_x_pixels``.

    Beside it ``copy_1000_x_copy_100``: what the machine asks for as many copies that are all kept.
    """
    shape = _affordable(extent.shape, extent.column)
    report.count("cost_image_rows", shape[0])
    _measure(report, places, extent, "timepoints", shape, extent.column, extent.gap)
    early, late = zip(*(_copy(shape, extent) for _ in range(extent.repeats)), strict=True)
    report.compare("copy_1000_x_copy_100", late, early, extent.window * extent.repeats)


def measure_plate_cost(report: Report, places: Places, extent: WindowExtent) -> None:
    """Note ``cost_image_6000_x_image_100``, of wells × sites in a layer for each of four channels."""
    _measure(report, places, extent, "grid", extent.grid_shape, extent.plate, extent.grid_gap)


def _measure(
    report: Report, places: Places, extent: WindowExtent, series: str, shape: Shape, last: int, gap: float
) -> None:
    name = "1000" if series == "timepoints" else "6000"
    early, late, memory = [], [], []
    for _ in range(extent.repeats):
        _touch(shape[0] * shape[1] * 2 * last)
        with ExitStack() as children:
            layer = Layer(places, children, series, shape)
            layer.hurry_to(extent.window + 1)
            early.append(layer.cost(extent.window, gap))
            layer.hurry_to(last - extent.window + 1)
            late.append(layer.cost(extent.window, gap))
            memory.append(layer.rss_x_pixels)
    report.compare(f"cost_image_{name}_x_image_100", late, early, extent.window * extent.repeats)
    report.note(f"viewer's processors, image 100 of {name}", early)
    report.note(f"viewer's processors, image {name}", late)
    report.ratios["rss_x_pixels" if name == "1000" else "rss_x_pixels_plate"] = max(memory)


def _copy(shape: Shape, extent: WindowExtent) -> tuple[float, float]:
    """Copy an image into memory of its own, again and again; returns seconds of an early and a late copy."""
    _touch(shape[0] * shape[1] * 2 * extent.column)
    image = np.ones(shape, np.uint16)
    kept, seconds = [], []
    for _ in range(extent.column):
        began = time.process_time()
        kept.append(image.copy())
        seconds.append(time.process_time() - began)
    early = seconds[extent.window : 2 * extent.window]
    return float(np.mean(early)), float(np.mean(seconds[-extent.window :]))


def _touch(nbytes: int) -> None:
    """Write to so much memory and give it back.

    A virtual machine gets its memory when it is first touched, at several times the cost of what was used
    before: the later image would pay for the machine it comes to.
    """
    memory = mmap.mmap(-1, nbytes)
    np.frombuffer(memory, np.uint8)[:: mmap.PAGESIZE] = 1


def _affordable(shape: Shape, count: int) -> Shape:
    """Halve the images until they fit."""
    rows, columns = shape
    while rows * columns * 2 * count * SPARE > psutil.virtual_memory().available:
        rows, columns = rows // 2, columns // 2
    return rows, columns
