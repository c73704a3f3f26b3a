"""The listed images by well, site, channel and so on. Pure: no window.

Images of one group stand together in the table, so that a group is a stretch of rows; it is looked up when
somebody opens it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hcs_stream.sending import ImageTable

from ._filters import NOTHING, Rows, shown_value

MOST = 1000
"""Branches below one; more are put into groups of so many."""
WORDS = {
    "plate": "",
    "step": "step ",
    "well": "",
    "site": "site ",
    "channel": "channel ",
    "z_index": "z ",
    "timepoint": "time ",
}


class Group(NamedTuple):
    """A stretch of the listed images that have their first components in common."""

    start: int
    stop: int
    depth: int
    """How many components they have in common."""
    is_slice: bool = False
    """Whether it is one of several parts of a large group."""


class ImageTree:
    """The groups of listed images, by the components of which the plate has several values."""

    def __init__(self, table: ImageTable, rows: Rows) -> None:
        """Take images in the table's order."""
        self.table = table
        self.rows = rows
        self.levels: Sequence[str] = table.levels
        self.root = Group(0, len(rows), 0)
        self._codes = {name: table.codes[name][rows] for name in self.levels}

    def children(self, group: Group) -> list[Group]:
        """Return the groups, or single images, right below a group."""
        starts = self._starts(group)
        stops = np.append(starts[1:], group.stop)[: len(starts)]
        depth = len(self.levels) + 1 if self._is_flat(group) else group.depth + 1
        if len(starts) > MOST:
            return [
                Group(int(starts[first]), int(stops[min(first + MOST, len(starts)) - 1]), group.depth, True)
                for first in range(0, len(starts), MOST)
            ]
        return [Group(one, other, depth) for one, other in zip(starts.tolist(), stops.tolist(), strict=True)]

    def is_image(self, group: Group) -> bool:
        """Say whether it is a single image, with nothing below it."""
        return group.depth > len(self.levels) or (
            group.depth == len(self.levels) and group.stop - group.start == 1
        )

    def text(self, group: Group) -> str:
        """Return how a group is called."""
        if group.is_slice:
            return f"{group.start + 1} – {group.stop}"
        if group.depth > len(self.levels):
            return self.table.name(int(self.rows[group.start]))
        name = self.levels[group.depth - 1]
        value = self.table.values[name][self._codes[name][group.start]]
        is_of_plate = self.table.is_of_plate(int(self.rows[group.start]))
        shown = shown_value(name, value) if value is not None or is_of_plate else NOTHING
        if value is None and name in {"well", "plate", "step"}:
            return f"no {name}"
        is_number = isinstance(value, int) or (isinstance(value, str) and value.isdecimal())
        return f"{WORDS[name]}{shown}" if is_number else shown

    def detail(self, group: Group) -> str:
        """Return the file of an image, or how many images a group has."""
        if self.is_image(group):
            return self.table.file_text(int(self.rows[group.start]))
        count = group.stop - group.start
        return "1 image" if count == 1 else f"{count} images"

    def _is_flat(self, group: Group) -> bool:
        """Say whether there are images right below a group, such as below that of files of no plate."""
        if group.depth >= len(self.levels) or group.start == group.stop:
            return True
        return group.depth > 0 and self.table.is_of_file(int(self.rows[group.start]))

    def _starts(self, group: Group) -> npt.NDArray[np.int64]:
        if self._is_flat(group):
            return np.arange(group.start, group.stop)
        codes = self._codes[self.levels[group.depth]][group.start : group.stop]
        changes = np.flatnonzero(np.diff(codes)) + 1
        return np.concatenate([[0], changes]).astype(np.int64) + group.start
