"""What pipelines stream, seen from a terminal.

Examples:
  hcs-stream viewers                 which viewers run, and what became of the images sent to them
  hcs-stream viewers --watch         the same every second, with images and bytes per second
  hcs-stream viewers --json | jq .   for programs: one JSON object per viewer

Results go to standard output, the log to standard error.
Exit status: 0 done, 1 nothing found, 2 wrong usage. 'hcs-stream COMMAND --help' tells more of each command.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from ._plates_command import add_plates_command
from ._send_command import add_send_command
from ._viewers_command import add_viewers_command
from ._watch_command import add_watch_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``hcs-stream`` and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # as by "| head": who read it has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hcs-stream", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    add_send_command(commands)
    add_watch_command(commands)
    add_plates_command(commands)
    add_viewers_command(commands)
    return parser
