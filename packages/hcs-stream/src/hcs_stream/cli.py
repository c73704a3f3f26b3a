"""What pipelines stream, sent, watched and run from a terminal.

Examples:
  hcs-stream plates FOLDER                 which plates are in a folder, and what is not part of them
  hcs-stream send PLATE --wells A01-B03    show images of a plate in a viewer, which comes up by itself
  hcs-stream watch FOLDER                  show the images of a running acquisition as they come
  hcs-stream run pipeline.py PLATE --out DIR    take a plate through a pipeline on all cores
  hcs-stream viewers --watch               which viewers run, and what becomes of the images sent to them
  hcs-stream manager                       the same in a window, to launch, close and rescue viewers
  hcs-stream start 5556 --title "Assay 7"  a viewer of its own, ready when this returns
  hcs-stream stop 5556                     close it; 'kill' ends one that hangs
  hcs-stream state 5555                    what the window of one shows: layers, sliders, camera
  hcs-stream screenshot 5555 window.png    what it looks like
  hcs-stream clear 5555 --step blur        remove layers: of a step, of a run, or all
  hcs-stream send PLATE --ssh user@server  in a viewer on another machine; --ssh goes with most commands
  hcs-stream resend                        to those, what workers left that ended while the link was away

Results go to standard output, the log to standard error.
Exit status: 0 done, 1 not all done or nothing found, 2 wrong usage; of start, 3 port taken, 4 no display.
'hcs-stream COMMAND --help' tells more of each command.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from .commands import (
    add_clear_command,
    add_completion_command,
    add_connection_command,
    add_kill_command,
    add_manager_command,
    add_plates_command,
    add_resend_command,
    add_run_command,
    add_screenshot_command,
    add_send_command,
    add_start_command,
    add_state_command,
    add_stop_command,
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
    add_start_command(commands)
    add_stop_command(commands)
    add_kill_command(commands)
    add_state_command(commands)
    add_screenshot_command(commands)
    add_clear_command(commands)
    add_connection_command(commands)
    add_resend_command(commands)
    add_completion_command(commands, parser)
    return parser
