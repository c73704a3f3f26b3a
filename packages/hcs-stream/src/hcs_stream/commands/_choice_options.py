"""The options by which a command says which images it takes: ``--wells A01-B03 --channel DAPI --z 1-3``."""

import argparse
from collections.abc import Callable, Sequence

from hcs_stream.config import InvalidFilterError, channel_filter, well_filter
from hcs_stream.sending import Choice, NumberFilter, number_filter


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
