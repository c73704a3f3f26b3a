"""What the benchmarks have in common: places of their own, one measure after the other, a picture, a line."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

from lanes.places import Places, own_places

from .report import Report

ExtentT = TypeVar("ExtentT")
Measure: TypeAlias = Callable[[Report, Places, ExtentT], None]


def new_parser(about: str | None, picture: str, besides: str = "") -> argparse.ArgumentParser:
    """Return a parser of ``--quick`` and ``--out``.

    Args:
        about: The script's docstring.
        picture: What it draws.
        besides: What else ``--quick`` does or leaves out.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    quick = f"try whether everything works; the numbers mean nothing{besides}"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help=f"where {picture} goes")
    return parser


@contextmanager
def places_to_measure(rotated_nbytes: int) -> Iterator[Places]:
    """Make a run's own places, and remove them; if it fails, say what its children said."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # children end and folders go
    with own_places(rotated_nbytes) as places:
        try:
            yield places
        except BaseException:
            sys.stderr.write(places.log.read_text(errors="replace") if places.log.exists() else "")
            raise


def measure_in_turn(
    measures: Mapping[str, Measure[ExtentT]], report: Report, places: Places, extent: ExtentT
) -> None:
    """Measure one after the other, and say on standard error what was found."""
    for measure in measures.values():
        began = time.monotonic()
        known = set(report.ratios)
        measure(report, places, extent)
        for key in [key for key in report.ratios if key not in known]:
            sys.stderr.write(f"{key} {report.ratios[key]:.3g}\n")
        sys.stderr.write(f"{time.monotonic() - began:.0f} s\n")


def conclude(report: Report, picture: Path, draw: Callable[[Path], str | None]) -> None:
    """Draw, and print the last line."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    print(json.dumps({**report.line(), "plot": draw(picture)}))
