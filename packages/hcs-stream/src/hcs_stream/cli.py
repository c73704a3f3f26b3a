"""What pipelines stream, sent, watched and run from a terminal.

Examples:
  hcs-stream plates FOLDER                 which plates are in a folder, and what is not part of them
  hcs-stream send PLATE --wells A01-B03    show images of a plate in a viewer, which comes up by itself
  hcs-stream watch FOLDER                  show the images of a running acquisition as they come
  hcs-stream run pipeline.py PLATE --out DIR    take a plate through a pipeline on all cores
  hcs-stream viewers --watch               which viewers run, and what becomes of the images sent to them
  hcs-stream manager                       the same in a window, to launch, close and rescue viewers

Results go to standard output, the log to standard error.
Exit status: 0 done, 1 not all done or nothing found, 2 wrong usage.
'hcs-stream COMMAND --help' tells more of each command.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from .commands import (
    add_completion_command,
    add_manager_command,
    add_plates_command,
    add_run_command,
    add_send_command,
    add_viewers_command,
    add_watch_command,
)


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
    add_plates_command(commands)
    add_send_command(commands)
    add_watch_command(commands)
    add_run_command(commands)
    add_viewers_command(commands)
    add_manager_command(commands)
    add_completion_command(commands, parser)
    return parser
