"""One image costs the layout the same, whatever came before: steps are counted, not time."""

import sys
from itertools import count, product
from types import FrameType

import pytest
from sent import image

from hcs_protocol import DisplayConfiguration, ImageReady, ImageSpec, Step
from hcs_viewer._contrast import GreyValues
from hcs_viewer._layout import Layout

EARLY, LATE = 50, 3000
A_FEW = 40
"""More calls than these for a longer way through a bisection."""


class Value(str):
    """A component's value that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Value.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def calls_of(layout: Layout, ready: ImageReady, number: int) -> int:
    """Return how many calls and comparisons it takes to lay an image out."""
    calls = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    compared, before = Value.compared, sys.getprofile()
    sys.setprofile(note)
    try:
        layout.place(ready, number)
    finally:
        sys.setprofile(before)
    return calls + Value.compared - compared


def plate(display: DisplayConfiguration) -> list[ImageReady]:
    """Return images of many wells, steps, channels and planes, in a plate's order."""
    steps = [Step(index=index, name="s") for index in range(3)]
    addresses = product(range(LATE), steps, ("DAPI", "GFP"), range(2))
    return [
        image(display=display, step=step, well=Value(f"A{well:04d}"), channel=channel, z_index=z_index)
        for (well, step, channel, z_index), _ in zip(addresses, range(LATE + EARLY), strict=False)
    ]


def test_a_late_image_costs_the_layout_as_much_as_an_early_one() -> None:
    layout = Layout()

    costs = [calls_of(layout, ready, number) for number, ready in enumerate(plate(DisplayConfiguration()))]

    assert max(costs[LATE:]) <= max(costs[EARLY : 2 * EARLY]) + A_FEW


def test_a_late_layer_costs_the_layout_as_much_as_an_early_one() -> None:
    layout = Layout()
    display = DisplayConfiguration(well_mode="slice")

    costs = [calls_of(layout, ready, number) for number, ready in enumerate(plate(display))]

    assert len(layout.layers) > LATE / 3
    assert max(costs[LATE:]) <= max(costs[EARLY : 2 * EARLY]) + A_FEW


def test_a_late_size_costs_the_layout_as_much_as_an_early_one() -> None:
    layout = Layout()
    sizes = (ImageSpec(shape=(side, 4), dtype="uint16") for side in count(1))
    sent = [image(spec=next(sizes), well=Value(f"A{well:04d}")) for well in range(1000)]

    costs = [calls_of(layout, ready, number) for number, ready in enumerate(sent)]

    assert max(costs[-EARLY:]) <= max(costs[EARLY : 2 * EARLY]) + A_FEW


@pytest.mark.parametrize("highest", [1 << 8, 1 << 16])
def test_what_is_kept_of_grey_values_does_not_grow_with_the_images(highest: int) -> None:
    greys = GreyValues()
    for value in range(100_000):
        greys.add((0.0, 1.0 + value % highest))

    assert len(greys._high._counts) + len(greys._low._counts) <= 2000
