"""Where the images of a stream belong, by their numbers."""

from collections.abc import Callable, Mapping
from typing import Any

Components = dict[str, Any]

CHANNELS = ("DAPI", "GFP", "RFP", "Cy5")
SITES = 4
COLUMNS = 24
TURNING = 8

_PLACE: Components = {"plate": "P1", "well": "A01", "site": 1, "channel": "DAPI"}


def same(number: int) -> Components:
    """Every image replaces the one before."""
    return _PLACE


def timepoints(number: int) -> Components:
    """One layer, one axis that grows with every image."""
    return {**_PLACE, "timepoint": number}


def turning(number: int) -> Components:
    """One layer of a few places; every image replaces one of a while ago."""
    return {**_PLACE, "timepoint": number % TURNING}


def grid(number: int) -> Components:
    """A plate of 16 × 24 wells, well by well, in each its sites, in each its channels."""
    position, channel = divmod(number - 1, len(CHANNELS))
    well, site = divmod(position, SITES)
    row, column = divmod(well, COLUMNS)
    where = f"{chr(ord('A') + row)}{column + 1:02d}"
    return {"plate": "P1", "well": where, "site": site + 1, "channel": CHANNELS[channel]}


SERIES: Mapping[str, Callable[[int], Components]] = {
    "same": same,
    "timepoints": timepoints,
    "turning": turning,
    "grid": grid,
}
