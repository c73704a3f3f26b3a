"""Which images of a plate a command takes: ``--wells A01-B03 --channel DAPI --z 1-3``."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from hcs_protocol import HcsError
from hcs_stream.config import ChannelFilter, InvalidFilterError, WellFilter, channel_filter, well_filter

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
    """What a command takes; a filter that is None takes everything."""

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


def add_choice_options(parser: argparse.ArgumentParser, *, wells_only: bool = False) -> None:
    """Add ``--wells`` and, unless those are enough, the same for the other components to a command."""
    options = parser.add_argument_group("which images", "each may be given again, or several with commas")
    _add(options, "--wells", well_filter, "A01-B03, C*, *01; a range is a rectangle on the plate", "--well")
    if wells_only:
        return
    _add(options, "--channel", channel_filter, "its name or number, DAPI or 'Alexa*'", "--channels")
    _add(options, "--site", _numbers("site"), "2, 1-3, 5-", "--sites")
    _add(options, "--z", _numbers("z_index"), "the same of z-planes; 'none' is a projection")
    _add(options, "--timepoint", _numbers("timepoint"), "the same of timepoints", "--timepoints")


def choice(options: argparse.Namespace) -> Choice:
    """Return what the options of a command say."""

    def said(name: str) -> list[str]:
        return getattr(options, name, None) or []

    return Choice(
        wells=well_filter(said("wells")) if said("wells") else None,
        channels=channel_filter(_each(said("channel"))) if said("channel") else None,
        sites=number_filter(said("site"), "site") if said("site") else None,
        z_indexes=number_filter(said("z"), "z_index") if said("z") else None,
        timepoints=number_filter(said("timepoint"), "timepoint") if said("timepoint") else None,
    )


def _each(said: Sequence[str]) -> list[str]:
    """Return names as they are, since they may have commas, and what is between the commas."""
    parts = [part.strip() for text in said for part in text.split(",")]
    return [*said, *filter(None, parts)]


def _numbers(component: str) -> Callable[[str], NumberFilter]:
    return lambda said: number_filter(said, component)


def _add(
    options: "argparse._ArgumentGroup",  # what add_argument_group() returns
    flag: str,
    meaning: Callable[[str], object],
    explained: str,
    *others: str,
) -> None:
    def checked(said: str) -> str:
        try:
            meaning(said)
        except InvalidFilterError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return said

    name = flag.lstrip("-").upper()
    options.add_argument(flag, *others, action="append", type=checked, metavar=name, help=explained)
