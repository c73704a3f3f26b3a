"""Say what is in a folder: which plates, of which maker, with how many wells, sites, channels and planes.

Examples:
  hcs-stream plates /data/experiment-7              each plate below the folder, and what was left out
  hcs-stream plates /data/experiment-7 --json       the same for programs: one JSON object per folder
  hcs-stream plates . --maker "Opera Phenix"        read all names as this maker writes them
  hcs-stream plates . --pattern "{well}_f{site}_{channel}.tif"      read names of your own

A pattern has {well}, or {row} and {column}, and as needed {plate}, {site}, {channel}, {z_index}, {timepoint};
'*' is anything, other text is as it is: "Plate 7/{row}-{column}/field {site}/*_{channel}_t{timepoint}.tif".

No image is opened: names and the makers' metadata files say all of it.
Exit status: 0 listed, 1 there is no image, 2 wrong usage.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from rich.text import Text

from hcs_protocol import HcsError, Kind, natural_key
from hcs_stream.microscopes import ImageFile, PatternError, Plate, Result
from hcs_stream.microscopes._errors import EXAMPLE_OF_PATTERN
from hcs_stream.microscopes._pattern_grammar import Pattern
from hcs_stream.sending import TIFF, files, open_plates, printable, readable, reason, step_text

from ._viewers_table import new_console

SHOWN = 8
"""Wells, channels or files that are named before the rest is counted."""
UNKNOWN = f"sent by their names; --pattern {EXAMPLE_OF_PATTERN!r} or the like has them read"
NO_PLATE = "'hcs-stream send' shows each as a site of its name"
UNMATCHED = "not sent: the pattern does not match"
COUNTED = {"well": "well", "site": "site", "channel": "channel", "z_index": "z", "timepoint": "timepoint"}


class PlateReport(msgspec.Struct, frozen=True, kw_only=True):
    """One plate: what its images are called, and how many there are."""

    name: str
    images: int
    wells: list[str]
    sites: list[int | None]
    channels: list[str]
    z_indexes: list[int | None]
    timepoints: list[int | None]
    source: str = ""
    """Of which plate a pipeline made these."""
    step: str = ""
    """By which step, with its number."""
    kinds: list[Kind] = []


class FolderReport(msgspec.Struct, frozen=True, kw_only=True):
    """The plates of one folder, and what else is in it."""

    folder: str
    maker: str
    plates: list[PlateReport]
    pixel_size: tuple[float, float] | None
    z_step: float | None
    wavelengths: dict[str, float]
    skipped: dict[str, list[str]]
    unparsed: list[str]
    unreadable: dict[str, str]
    single_images: list[str] = []
    """OME-NGFF images of no plate."""

    def json(self) -> str:
        """Return it as one line of JSON."""
        return msgspec.json.encode(self).decode()


def add_plates_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``plates`` to the commands of a parser."""
    parser = commands.add_parser(
        "plates",
        help="say which plates are in a folder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of one plate or of several")
    add_name_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object per folder and line")
    parser.set_defaults(run=list_plates)


def add_name_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--maker`` and ``--pattern`` to a command."""
    parser.add_argument(
        "--maker", help="read names as this maker's alone, 'Opera Phenix'; by default all are tried"
    )
    parser.add_argument(
        "--pattern",
        type=_pattern,
        help=f"read names of your own, such as '{EXAMPLE_OF_PATTERN}', maybe with folders before it",
    )


def _pattern(said: str) -> str:
    try:
        return Pattern(said).pattern
    except PatternError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def list_plates(options: argparse.Namespace) -> int:
    """Show what is in a folder; return the exit status."""
    try:
        opened = open_plates(options.folder, maker=options.maker, pattern=options.pattern)
    except (HcsError, OSError) as error:
        sys.stderr.write(f"hcs-stream: {error}\n")
        return 1
    console = new_console(sys.stdout)
    for plate in opened:
        report = report_folder(plate)
        if options.json:
            sys.stdout.write(f"{report.json()}\n")
        else:
            for line in _lines(report, UNKNOWN if options.pattern is None else UNMATCHED):
                console.print(line, soft_wrap=True)
    return 0 if any(plate.images for plate in opened) else 1


def report_folder(plate: Plate) -> FolderReport:
    """Return what was found in a folder."""
    by_plate: dict[str, list[ImageFile]] = {}
    for image in plate.images:
        by_plate.setdefault(image.plate, []).append(image)
    return FolderReport(
        folder=readable(str(plate.folder)),
        maker=plate.maker if plate.images else "",
        plates=[_report(readable(name), images) for name, images in by_plate.items()],
        pixel_size=plate.pixel_size,
        z_step=plate.z_step,
        wavelengths=plate.wavelengths,
        skipped={
            why: [readable(str(path)) for path in paths] for why, paths in plate.skipped.items() if paths
        },
        unparsed=[readable(str(path)) for path in plate.unparsed],
        unreadable={readable(str(path)): readable(why) for path, why in plate.unreadable.items()},
        single_images=[readable(str(path)) for path in plate.single_images],
    )


def _report(name: str, images: Iterable[ImageFile]) -> PlateReport:
    images = list(images)
    result = images[0].result or Result()

    def values(component: str) -> list[int | str | None]:
        return sorted({getattr(image, component) for image in images}, key=natural_key)

    return msgspec.convert(
        {
            "name": name,
            "images": len(images),
            "wells": values("well"),
            "sites": values("site"),
            "channels": [channel for channel in values("channel") if channel],
            "z_indexes": values("z_index"),
            "timepoints": values("timepoint"),
            "source": readable(result.source),
            "step": readable(step_text(result.step)) if result.step else "",
            "kinds": values("kind"),
        },
        PlateReport,
    )


def _lines(report: FolderReport, advice: str) -> Iterator[Text]:
    for plate in report.plates:
        yield Text.assemble((printable(plate.name), "bold"), f"  {report.maker}  {_size(plate)}")
        yield _detail("wells", _some(plate.wells))
        if plate.channels:
            yield _detail("channels", _some(plate.channels))
        if made := _made(plate):
            yield _detail("made", made)
        if report.pixel_size is not None:
            yield _detail("pixel size", _pixel_size(report.pixel_size, report.z_step))
    yield Text.assemble(("in ", "dim"), printable(report.folder))
    yield from _beside(report, advice)


def _beside(report: FolderReport, advice: str) -> Iterator[Text]:
    """Say what is in a folder that is of no plate."""
    for why, paths in report.skipped.items():
        yield _detail("skipped", f"{reason(why, len(paths))}: {_names(paths)}")
    if report.single_images:
        yield _detail("no plate", f"{_stores(report.single_images)}: {_names(report.single_images)}")
        yield _detail("", NO_PLATE if advice == UNKNOWN else advice)
    unknown = [path for path in report.unparsed if path not in report.unreadable]
    if unknown:
        yield _detail("not known", f"{files(len(unknown))}: {_names(unknown)}")
        yield from [_detail("", advice)] * any(path.lower().endswith(TIFF) for path in unknown)
    for path, why in report.unreadable.items():
        yield _detail("unreadable", printable(f"{path}: {why}"))


def _stores(paths: Sequence[str]) -> str:
    return "1 OME-NGFF image" if len(paths) == 1 else f"{len(paths)} OME-NGFF images"


def _made(plate: PlateReport) -> str:
    """Say ``labels by step 2 cells of Assay 7``, as far as it is known."""
    what = " and ".join({"image": "images"}.get(kind, kind) for kind in plate.kinds)
    parts = [f"by step {plate.step}"] if plate.step else []
    parts += [f"of {plate.source}"] if plate.source else []
    return printable(" ".join([what, *parts])) if parts or plate.kinds != ["image"] else ""


def _size(plate: PlateReport) -> str:
    """Say ``3 wells × 4 sites × 2 channels × 4 z (96 images)``."""
    parts: list[str] = []
    expected = 1
    for component, word in COUNTED.items():
        values = getattr(plate, "z_indexes" if component == "z_index" else f"{component}s")
        numbered = [value for value in values if value is not None]
        expected *= max(1, len(numbered)) if component != "z_index" else max(1, len(values))
        if component == "z_index" and len(numbered) < len(values) and numbered:
            parts.append(f"{len(numbered)} z and projections")
        elif len(numbered) > 1 or (numbered and component not in {"z_index", "timepoint"}):
            plural = "" if word == "z" or len(numbered) == 1 else "s"
            parts.append(f"{len(numbered)} {word}{plural}")
    missing = expected - plate.images
    said = f"{plate.images} image{'' if plate.images == 1 else 's'}"
    return f"{' × '.join(parts)} ({said}{f', {missing} fewer than that' if missing > 0 else ''})"


def _detail(name: str, said: str) -> Text:
    return Text.assemble((f"  {name:<10}  ", "dim"), said)


def _pixel_size(size: tuple[float, float], z_step: float | None) -> str:
    height, width = size
    said = f"{height:.4g} µm" if height == width else f"{height:.4g} × {width:.4g} µm"
    return said if z_step is None else f"{said}, z-step {z_step:.4g} µm"


def _names(paths: Iterable[str]) -> str:
    return _some([Path(path).name for path in paths])


def _some(values: Iterable[str]) -> str:
    values = list(map(printable, values))
    rest = len(values) - SHOWN
    return ", ".join(values[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
