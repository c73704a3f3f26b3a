"""Wells as makers write them, in the one spelling of the project."""

from functools import lru_cache

from hcs_protocol import normalise_well

ROWS, COLUMNS = 32, 48
"""Of the largest plates, which have 1536 wells: A01 to AF48."""
COUNTERS = "CFMPRSTXYZ"
"""Rows that are more often channels, fields, positions, timepoints and so on, where another well precedes."""


@lru_cache(1 << 14)
def well_of(text: str) -> str | None:
    """Return a well's one spelling, or None for what is no well of any plate."""
    try:
        well = normalise_well(text)
    except ValueError:
        return None
    row, column = row_and_column(well)
    return well if row <= ROWS and column <= COLUMNS else None


@lru_cache(1 << 14)
def well_at(row: str, column: str) -> str | None:
    """Return the well at a row and a column, both counted from 1 and written in digits."""
    index = int(row) - 1
    if not 0 <= index < ROWS:
        return None
    letters = "A" * (index // 26) + chr(ord("A") + index % 26)
    return well_of(f"{letters}{int(column)}")


def row_and_column(well: str) -> tuple[int, int]:
    """Return row and column of a well, counted from 1.

    Raises:
        ValueError: The text is no well.
    """
    spelled = normalise_well(well)
    letters = spelled.rstrip("0123456789")
    return 26 * (len(letters) - 1) + ord(letters[-1]) - ord("A") + 1, int(spelled[len(letters) :])


@lru_cache(1 << 12)
def number(text: str) -> str:
    """Return a channel's number as text, without zeros in front."""
    return str(int(text))


@lru_cache(1 << 12)
def acquisition(word: str, text: str) -> str:
    """Return what a maker's number of an acquisition is called: ``"action 2"``."""
    return f"{word} {int(text)}"
