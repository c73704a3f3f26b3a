"""Show images of a plate, or any others, in a viewer.

Examples:
  hcs-stream send /data/plate-7                             a whole plate; a viewer comes up if none runs
  hcs-stream send /data/plate-7 --wells A01-B03 --channel DAPI
  hcs-stream send /data/plate-7 --site 1 --z 3-5 --title "Plate 7"
  hcs-stream send /data/plate-7 --pattern "{well}_f{site}_{channel}_z{z_index}.tif"    names of your own
  hcs-stream send result_1.tif result_2.png                 files of any name
  hcs-stream send "/data/plate-7/Images/r01c0*ch1*.tiff"    a glob, whatever the shell makes of it
  hcs-stream send segmented.zarr --step segmented --labels  an OME-NGFF plate, as a step of a pipeline
  hcs-stream send cells.ome.zarr                            an OME-NGFF image of no plate
  hcs-stream send results/plate-7                           what a pipeline kept: all steps, as it showed them
  hcs-stream send results/plate-7 --step cells              one of them

A pattern has {well}, or {row} and {column}, and as needed {plate}, {site}, {channel}, {z_index}, {timepoint};
'*' is anything, other text is as it is. Folders count too: "{well}/field {site}/*_{channel}.tif".
Channel names, pixel size, z-step and wavelengths go along where the plate's metadata say them. What is sent
again with the same --run replaces what was there. Files that are no images of the plate are left out, and
counted in the last line; an image that cannot be read is named, and the others are sent.
Exit status: 0 all sent, 1 not all or nothing, 2 wrong usage.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from hcs_protocol import DisplayConfiguration, HcsError, VariableSizeHandling
from hcs_stream._stream import Stream
from hcs_stream.config import NapariColormap
from hcs_stream.microscopes._errors import EXAMPLE_OF_PATTERN
from hcs_stream.sending import (
    NOT_MATCHING,
    Found,
    FoundImage,
    choose,
    choose_labels,
    choose_step,
    declare,
    find_images,
    readable,
    reason,
)

from ._choice_options import add_choice_options, choice
from ._plates_command import add_name_options
from ._sending import TellingSender, summary
from ._teller import Teller, a_teller
from ._viewer_options import add_viewer_options, connect_as_said

OVERFLOW = "block(600)"
"""The images lie on disk as it is: nothing has to be spilled, and a busy viewer is waited for."""
KINDS = "TIFF, PNG, JPEG or BMP files or an OME-NGFF plate or image"
FLUSH_SECONDS = 600.0
INTERRUPTED_SECONDS = 2.0
"""For what is under way when somebody presses Ctrl-C; what is published is not lost by it."""


def add_send_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``send`` to the commands of a parser."""
    parser = commands.add_parser(
        "send",
        help="show images of a plate, or any others, in a viewer",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="the folder of a plate, an image or a glob")
    add_choice_options(parser)
    add_name_options(parser)
    add_viewer_options(parser)
    add_display_options(parser)
    parser.set_defaults(run=send_images)


def add_display_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--step``, ``--labels``, ``--colormap`` and ``--pad`` to a command."""
    options = parser.add_argument_group("how they are shown")
    options.add_argument(
        "--step",
        metavar="NAME",
        help="name the layers after a step of a pipeline; of results that one kept, take this step's alone",
    )
    options.add_argument(
        "--colormap",
        type=_colormap,
        metavar="NAME",
        help="of napari, such as magma; by default one per channel, after its wavelength if that is known",
    )
    options.add_argument(
        "--labels",
        action="store_true",
        help="they number objects, as a segmentation does; where a plate says which do, take these alone",
    )
    options.add_argument(
        "--pad", action="store_true", help="fill up images of unequal sizes instead of giving them own layers"
    )


def display(options: argparse.Namespace) -> DisplayConfiguration:
    """Return how images are shown, as the options say it."""
    handling = VariableSizeHandling.PAD_TO_MAX if options.pad else VariableSizeHandling.SEPARATE_LAYERS
    return DisplayConfiguration(colormap=options.colormap, variable_size_handling=handling)


def send_images(options: argparse.Namespace) -> int:
    """Send what the options say; return the exit status."""
    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it stumbles over is told once
    with a_teller() as teller:
        try:
            found = find_images(options.paths, maker=options.maker, pattern=options.pattern)
            for path, why in found.unreadable.items():
                teller.say(f"not sent: {path}: {why}")
            if found.unknown:
                teller.say(_unknown(found.unknown))
            if unlike := found.skipped.get(NOT_MATCHING):
                teller.say(_not_matching(unlike, options.pattern))
            wanted = choice(options)
            chosen = choose(found, wanted)
            if not chosen:
                teller.say(_nothing_to_send(found))
                return 1
            chosen, step = choose_step(found, chosen, options.step)
            if options.labels:
                chosen = choose_labels(found, chosen)
            teller.progress("waiting for the viewer", 0, len(chosen))
            stream = connect_as_said(options, display(options), OVERFLOW)
        except KeyboardInterrupt:
            teller.say("interrupted before anything was sent")
            return 1
        except (HcsError, OSError, ValueError) as error:
            teller.say(str(error))
            return 1
        sender = TellingSender(stream, teller, step, "labels" if options.labels else None, wanted)
        failure = _send(sender, stream, chosen, step, teller)
    viewer = ", ".join(stream.counters_by_viewer)
    unreadable = len(sender.unreadable) + len(found.unreadable)
    of = sender.sent + unreadable + len(chosen) - sender.files
    line = summary(sender.sent, of, found.skipped, unreadable, viewer)
    sys.stdout.write(f"{failure}{line}\n")
    return 1 if failure or unreadable else 0


def _send(
    sender: TellingSender, stream: Stream, images: Sequence[FoundImage], step: str | None, teller: Teller
) -> str:
    """Send all and wait until the viewer has them; return what came in between."""
    try:
        declare(stream, images, str(images[0].keywords.get("plate") or ""), step)
        sender.send_all(images)
        stream.end_run()
        stream.flush(FLUSH_SECONDS)
    except KeyboardInterrupt:
        stream.end_run(state="cancelled")
        return "interrupted: "
    except HcsError as error:
        teller.say(str(error))
        return "not finished: "
    finally:
        stream.close(INTERRUPTED_SECONDS)  # all is adopted, or somebody waits
    return ""


def _nothing_to_send(found: Found) -> str:
    if not found.images:
        return f"wanted {KINDS}, found none: {_counted(found)}"
    said = []
    for component in ("well", "channel", "site", "z_index", "timepoint"):
        known = (*(image.keywords for image in found.images), *found.inside)
        values = dict.fromkeys(str(keywords.get(component)) for keywords in known)
        some = ", ".join(list(values)[:12])
        said.append(f"{component} {some}{' …' if len(values) > 12 else ''}")
    return f"none of {len(found.images)} images is chosen; there are: {'; '.join(said)}"


def _unknown(paths: Sequence[Path]) -> str:
    count = "1 image has a name" if len(paths) == 1 else f"{len(paths)} images have names"
    advice = f"shown as sites called so; --pattern {EXAMPLE_OF_PATTERN!r} or the like has them read"
    return f"{count} of no known maker, such as {readable(paths[0].name)!r}: {advice}"


def _not_matching(paths: Sequence[Path], pattern: str) -> str:
    count = "1 image has a name" if len(paths) == 1 else f"{len(paths)} images have names"
    return f"{count} unlike {pattern!r}, such as {readable(paths[0].name)!r}: not sent"


def _counted(found: Found) -> str:
    counts = {**found.skipped, "unreadable": found.unreadable}
    return ", ".join(reason(why, len(paths)) for why, paths in counts.items() if paths) or "nothing there"


def _colormap(said: str) -> str:
    known = {name.value.casefold(): name.value for name in NapariColormap}
    if said.casefold() not in known:
        raise argparse.ArgumentTypeError(
            f"wanted a colormap of napari such as {', '.join(list(known)[:5])}, found {said!r}"
        )
    return known[said.casefold()]
