"""Which images of a plate are taken: by well, channel, site, z-plane and timepoint."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hcs_protocol import HcsError
from hcs_stream.config import ChannelFilter, InvalidFilterError, WellFilter

_RANGE = re.compile(r"\s*(\d+)\s*(?:(-)\s*(\d*)\s*)?")
NUMBERS = "numbers '2', ranges '1-3', '5-' or 'none', with commas between"


class NothingChosenError(HcsError, LookupError):
    """No image is among those that are wanted; the text says which there are."""


class NumberFilter(NamedTuple):
    """Selects sites, z-planes or timepoints; make one with `number_filter`."""

    ranges: tuple[tuple[int, int | None], ...]
    takes_none: bool

    def accepts(self, value: object) -> bool:
        """Say whether this number is selected; None is that of an image that has none."""
        if value is None:
            return self.takes_none
        if not isinstance(value, int):
            return False
        return any(first <= value and (last is None or value <= last) for first, last in self.ranges)


class Choice(NamedTuple):
    """What is taken; a filter that is None takes everything."""

    wells: WellFilter | None = None
    channels: ChannelFilter | None = None
    sites: NumberFilter | None = None
    z_indexes: NumberFilter | None = None
    timepoints: NumberFilter | None = None

    def accepts(self, components: Mapping[str, object]) -> bool:
        """Say whether an image with these components is taken."""
        return all(
            wanted is None or wanted.accepts(components.get(component))
            for component, wanted in (
                ("well", self.wells),
                ("channel", self.channels),
                ("site", self.sites),
                ("z_index", self.z_indexes),
                ("timepoint", self.timepoints),
            )
        )


def number_filter(said: str | Sequence[str], component: str = "site") -> NumberFilter:
    """Return the filter that these words mean.

    Args:
        said: ``"2"``, ``"1-3"``, ``"5-"``, ``"none"`` for images that have no such number, or several with
            commas between.
        component: Whose numbers they are, for the error.

    Raises:
        InvalidFilterError: It says no numbers.
    """
    ranges: list[tuple[int, int | None]] = []
    takes_none = False
    for part in ",".join([said] if isinstance(said, str) else said).split(","):
        if part.strip().casefold() == "none":
            takes_none = True
            continue
        found = _RANGE.fullmatch(part)
        if found is None:
            raise InvalidFilterError(component, NUMBERS, part)
        first = int(found[1])
        last = first if not found[2] else int(found[3]) if found[3] else None
        if last is not None and last < first:
            raise InvalidFilterError(component, "a range that rises, such as '1-3',", part)
        ranges.append((first, last))
    return NumberFilter(tuple(ranges), takes_none)
