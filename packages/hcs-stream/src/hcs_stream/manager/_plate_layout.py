"""Where the wells of a plate lie on the screen. Pure: no window.

Rows and columns are counted from 0 in here.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hcs_protocol import InvalidComponentError, normalise_well

STANDARD = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
"""Rows and columns of plates of 6 to 1536 wells; ANSI/SLAS 4-2004 has those from 96."""
USUAL = (8, 12)
SMALLEST_HEADER = 16.0
MOST_PITCH = 44.0


class Place(NamedTuple):
    """A well, by row and column."""

    row: int
    column: int


class Rectangle(NamedTuple):
    """Where something is drawn, in pixels."""

    x: float
    y: float
    width: float
    height: float


def place_of(well: object) -> Place | None:
    """Return the place of a well; None for what is none."""
    if not isinstance(well, str):
        return None
    try:
        spelled = normalise_well(well)
    except InvalidComponentError:
        return None
    letters = spelled.rstrip("0123456789")
    row = 26 * (len(letters) - 1) + ord(letters[-1]) - ord("A")
    return Place(row, int(spelled[len(letters) :]) - 1)


def row_letters(row: int) -> str:
    """Return how a row is called: ``"A"``, after ``"Z"`` comes ``"AA"``."""
    return "A" * (row // 26) + chr(ord("A") + row % 26)


def name_of(place: Place) -> str:
    """Return how a well is called: ``"B03"``."""
    return f"{row_letters(place.row)}{place.column + 1:02d}"


def size_of(places: Iterable[Place]) -> tuple[int, int]:
    """Return rows and columns of the plate that has these wells.

    It is the smallest standard one with room for them; one of fewer than 96 wells only if half of it is used.
    """
    places = set(places)
    rows = 1 + max((place.row for place in places), default=0)
    columns = 1 + max((place.column for place in places), default=0)
    for size in STANDARD:
        has_room = size[0] >= rows and size[1] >= columns
        if has_room and (size >= USUAL or 2 * len(places) >= size[0] * size[1]):
            return size
    return rows, columns


class Layout:
    """A plate that fills a widget as far as its shape allows."""

    def __init__(self, rows: int, columns: int, width: float, height: float) -> None:
        self.rows = rows
        self.columns = columns
        pitch = min(
            (width - SMALLEST_HEADER) / (columns + 0.2),
            (height - SMALLEST_HEADER) / (rows + 0.2),
            MOST_PITCH,
        )
        self.pitch = max(pitch, 1.0)
        """From the middle of one well to that of the next."""
        self.header = max(SMALLEST_HEADER, min(self.pitch * 0.8, 24.0))
        self.pitch = max(1.0, min(self.pitch, (width - self.header) / columns, (height - self.header) / rows))
        self.left = max(0.0, (width - self.header - columns * self.pitch) / 2) + self.header
        self.top = max(0.0, (height - self.header - rows * self.pitch) / 2) + self.header

    def well(self, place: Place) -> Rectangle:
        """Return where a well is drawn."""
        gap = self.pitch * (0.1 if self.pitch > 8 else 0.05)
        side = self.pitch - 2 * gap
        return Rectangle(
            self.left + place.column * self.pitch + gap, self.top + place.row * self.pitch + gap, side, side
        )

    def middle(self, place: Place) -> tuple[float, float]:
        """Return the middle of a well, x and y."""
        return self.left + (place.column + 0.5) * self.pitch, self.top + (place.row + 0.5) * self.pitch

    def places(self) -> Iterator[Place]:
        """Yield all wells, row by row."""
        return (Place(row, column) for row in range(self.rows) for column in range(self.columns))

    def row_header(self, row: int) -> Rectangle:
        """Return where the letters of a row are drawn."""
        return Rectangle(self.left - self.header, self.top + row * self.pitch, self.header, self.pitch)

    def column_header(self, column: int) -> Rectangle:
        """Return where the number of a column is drawn."""
        return Rectangle(self.left + column * self.pitch, self.top - self.header, self.pitch, self.header)

    def steps(self, label_height: float, label_width: float) -> tuple[int, int]:
        """Return each how many rows and columns a label has room."""
        return _step(label_height / self.pitch), _step(label_width / self.pitch)

    def at(self, x: float, y: float) -> Place:
        """Return the row and column at a point; -1 is that of the headers, others may be outside."""
        row = (y - self.top) // self.pitch if y >= self.top else -1
        column = (x - self.left) // self.pitch if x >= self.left else -1
        return Place(int(row), int(column))

    def is_on(self, place: Place) -> bool:
        """Say whether this is a well, or a header, and not beside the plate."""
        return place.row < self.rows and place.column < self.columns

    def between(self, one: Place, other: Place) -> frozenset[Place]:
        """Return the wells of a rectangle; from a header on, whole rows or columns."""
        rows = _span(one.row, other.row, self.rows)
        columns = _span(one.column, other.column, self.columns)
        return frozenset(Place(row, column) for row in rows for column in columns)


def _span(one: int, other: int, length: int) -> range:
    if one == -1:
        return range(length)  # it began on a header
    first, last = sorted((max(one, 0), max(other, 0)))
    return range(min(first, length - 1), min(last, length - 1) + 1)


def _step(share: float) -> int:
    return next(step for step in (1, 2, 4, 8, 16, 1 << 20) if step >= share)
