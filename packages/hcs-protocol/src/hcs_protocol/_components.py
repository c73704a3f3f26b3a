"""The components of an image's address: plate, well, site, channel, z_index, timepoint."""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from ._errors import InvalidComponentError

MAX_TEXT = 512
MAX_INT = (1 << 63) - 1

Text = Annotated[str, Meta(max_length=MAX_TEXT)]
ComponentValue = Annotated[int, Meta(ge=-MAX_INT - 1, le=MAX_INT)] | Text

_RUNS = re.compile(r"(\d+)")
_WELL = re.compile(r"(A?[A-Z])0*([1-9]\d?)", re.ASCII | re.IGNORECASE)  # not "Cy3", not "AF488"


class Components(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where on a plate, and when, an image was taken; what is unknown is left out."""

    plate: Text | None = None
    timepoint: ComponentValue | None = None
    well: Text | None = None
    """Row letters and column, ``"B03"``."""
    site: ComponentValue | None = None
    channel: ComponentValue | None = None
    """Its name, ``"DAPI"``, or its number."""
    z_index: ComponentValue | None = None
    """The maker's number of the z-plane; None beside numbered planes is a projection."""

    def value(self, component: str) -> ComponentValue | None:
        """Return the value of the component with this name."""
        found: ComponentValue | None = getattr(self, component)
        return found


COMPONENTS: tuple[str, ...] = Components.__struct_fields__
"""The vocabulary, in the order in which components become the axes of a stack."""


def natural_key(value: object) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key: missing first, ``2`` before ``10``, wells ``A01…Z48`` before ``AA01…AF48``."""
    if value is None:
        return ()
    if isinstance(value, int):
        return ((0, value, ""),)
    text = str(value)
    if well := _WELL.fullmatch(text):
        return ((1, len(well[1]), well[1].upper()), (0, int(well[2]), ""))
    return tuple(_part_key(part) for part in _RUNS.split(text) if part) or ((-1, 0, ""),)


def normalise_well(text: str) -> str:
    """Return a well's one spelling: ``"a1"``, ``"A1"`` and ``"A001"`` are ``"A01"``.

    Raises:
        InvalidComponentError: The text is not a row, ``A`` to ``Z`` or ``AA`` to ``AZ``, and a column.
    """
    found = _WELL.fullmatch(text.strip())
    if not found:
        raise InvalidComponentError(f"a well is row letters and a column such as 'B03', not {text!r}")
    return f"{found[1].upper()}{int(found[2]):02d}"


def _part_key(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part.isdecimal() else (1, 0, part.casefold())
