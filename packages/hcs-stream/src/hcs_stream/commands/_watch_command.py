"""Show the images of a running acquisition as soon as each is finished.

Examples:
  hcs-stream watch /data/plate-7                    what is there, then what comes, until Ctrl-C
  hcs-stream watch /data/plate-7 --new-only         only what comes
  hcs-stream watch //microscope/plate-7 --polling   a network drive, where the system tells nothing
  hcs-stream watch /data/plate-7 --idle 600         until nothing has come for ten minutes
  hcs-stream watch /data/plate-7 --pattern "{well}_f{site}_{channel}.tif"      names of your own, as for send

A file is finished when its size stays the same and it reads as a whole image, or when it was renamed into
place. One that never becomes readable is named after --patience seconds and tried on. No file is sent twice.
Channel names and pixel size are those of the plate's metadata files from the moment at which they are there.
Exit status: 0 ended, 1 not all could be read, 2 wrong usage.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hcs_protocol import HcsError
from hcs_stream._stream import Stream
from hcs_stream.microscopes import NotAPlateFolderError, PlateNotFoundError
from hcs_stream.sending import PICTURES, Sender, files

from ._arrivals import POLLING_SECONDS, Arrivals, Listening, Polling, files_below
from ._finishing import PATIENCE_SECONDS, SETTLE_SECONDS, Finishing
from ._plate_knowledge import PlateKnowledge
from ._plates_command import add_name_options
from ._seconds import add_seconds
from ._send_command import INTERRUPTED_SECONDS, add_display_options, display
from ._sending import summary
from ._teller import Teller, a_teller
from ._viewer_options import add_viewer_options, connect_as_said
from ._watch import Watch, look

FLUSH_SECONDS = 600.0


def add_watch_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``watch`` to the commands of a parser."""
    parser = commands.add_parser(
        "watch",
        help="show the images of a running acquisition as they come",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="into which a microscope writes")
    which = parser.add_argument_group("which files, and when")
    which.add_argument("--new-only", action="store_true", help="leave out what is there already")
    which.add_argument(
        "--polling", action="store_true", help="look again and again: for network drives, which tell nothing"
    )
    add_seconds(which, "--every", POLLING_SECONDS, "how often to look, with --polling")
    add_seconds(which, "--idle", None, "end when nothing has come for so long; by default, on Ctrl-C")
    add_seconds(which, "--settle", SETTLE_SECONDS, "for how long a file stays the same before it is read")
    add_seconds(which, "--patience", PATIENCE_SECONDS, "after how long an unreadable file is named")
    add_name_options(parser)
    add_viewer_options(parser)
    add_display_options(parser)
    parser.set_defaults(run=watch_folder)


def watch_folder(options: argparse.Namespace) -> int:
    """Send what comes; return the exit status."""
    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # half a file is no news
    with a_teller() as teller:
        try:
            folder = _checked(options.folder)
            arrivals: Arrivals = Polling(folder, options.every) if options.polling else Listening(folder)
            finishing = _finishing(folder, options)  # before a viewer is waited for: what comes then is new
            stream = connect_as_said(options, display(options), None)
        except (HcsError, OSError, ValueError) as error:
            teller.say(str(error))
            return 1
        sender = Sender(stream, options.step, "labels" if options.labels else None)
        knowledge = PlateKnowledge(folder, time.monotonic, options.maker, options.pattern)
        watch = Watch(arrivals, finishing, knowledge, sender, teller, time.monotonic)
        has_failed = _go_on(watch, arrivals, stream, options.idle, teller)
        unreadable = _tell_of_unsent(finishing.unfinished, watch.problems, teller)
    left = len(finishing.unfinished)
    viewer = ", ".join(stream.counters_by_viewer)
    sys.stdout.write(f"{summary(sender.sent, sender.sent + left, watch.skipped, unreadable, viewer)}\n")
    return 1 if left or has_failed else 0


def _go_on(watch: Watch, arrivals: Arrivals, stream: Stream, idle: float | None, teller: Teller) -> bool:
    """Watch until it ends, or somebody ends it; say whether it failed."""
    try:
        with arrivals:
            teller.say("watching" if idle is not None else "watching, until Ctrl-C")
            watch.run(idle)
        stream.end_run()
        stream.flush(FLUSH_SECONDS)
    except KeyboardInterrupt:
        stream.end_run()
    except HcsError as error:
        teller.say(str(error))
        return True
    finally:
        stream.close(INTERRUPTED_SECONDS)  # all is adopted, or somebody waits
    return False


def _tell_of_unsent(unsent: Sequence[Path], problems: Mapping[Path, str], teller: Teller) -> int:
    """Name the files that could not be read, and count the others; return how many could not be read."""
    unreadable = [path for path in unsent if path in problems]
    for path in unreadable:
        teller.say(f"not sent: {path}: {problems[path]}")
    unread = [path for path in unsent if path not in problems]
    if unread:
        teller.say(f"not read yet, and so not sent: {files(len(unread))}, the first {unread[0]}")
    return len(unreadable)


def _finishing(folder: Path, options: argparse.Namespace) -> Finishing:
    finishing = Finishing(look, time.monotonic, settle=options.settle, patience=options.patience)
    if options.new_only:
        for path in files_below(folder):
            if path.suffix.lower() in PICTURES:
                finishing.ignore(path)
    return finishing


def _checked(folder: Path) -> Path:
    if not folder.exists():
        raise PlateNotFoundError(folder)
    if not folder.is_dir():
        raise NotAPlateFolderError(folder)
    with os.scandir(folder):  # of a closed one nobody would ever hear anything
        return folder
