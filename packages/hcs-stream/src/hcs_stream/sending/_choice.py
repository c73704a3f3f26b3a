"""Which images of a plate are taken: by well, channel, site, z-plane and timepoint."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hcs_protocol import HcsError
from hcs_stream.config import ChannelFilter, InvalidFilterError, WellFilter

from ._planes import ONLY_CHANNEL

_RANGE = re.compile(r"\s*(\d+)\s*(?:(-)\s*(\d*)\s*)?")
UNSAID = (None, "", ONLY_CHANNEL)
"""What a name says of a component that the file may say."""
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
        return all(wanted.accepts(components.get(component)) for component, wanted in self._said())

    def accepts_plane(self, of_file: Mapping[str, object], of_plane: Mapping[str, object]) -> bool:
        """Say whether a plane is taken of a file with several; ``"DAPI (z 2)"`` is one of ``"DAPI"``."""
        channel = str(of_file.get("channel") or "")
        if channel and str(of_plane.get("channel")).startswith(f"{channel} ("):
            of_plane = {**of_plane, "channel": channel}
        return self.accepts(of_plane)

    def needs_planes(self, of_file: Mapping[str, object]) -> bool:
        """Say whether it may be the planes in a file, and not its name, by which it is taken."""
        unsaid = [component for component, _ in self._said() if of_file.get(component) in UNSAID]
        return bool(unsaid) and all(
            wanted.accepts(of_file.get(component))
            for component, wanted in self._said()
            if component not in unsaid
        )

    def _said(self) -> list[tuple[str, WellFilter | ChannelFilter | NumberFilter]]:
        filters = (
            ("well", self.wells),
            ("channel", self.channels),
            ("site", self.sites),
            ("z_index", self.z_indexes),
            ("timepoint", self.timepoints),
        )
        return [(component, wanted) for component, wanted in filters if wanted is not None]


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
