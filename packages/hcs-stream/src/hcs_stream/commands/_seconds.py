"""Options in seconds."""

import argparse


def add_seconds(
    options: "argparse._ActionsContainer",  # a parser, or a group of its options
    flag: str,
    default: float | None,
    explained: str,
) -> None:
    """Add an option whose value is a time."""
    said = explained if default is None else f"{explained} (default %(default)g)"
    options.add_argument(flag, type=seconds, default=default, metavar="SECONDS", help=said)


def seconds(said: str) -> float:
    """Return the time that somebody typed."""
    try:
        found = float(said)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"wanted seconds, found {said!r}")
    return found
