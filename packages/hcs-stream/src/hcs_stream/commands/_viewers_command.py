"""List the viewers of this user that run: their ports, what became of images, how long each hop took.

Examples:
  hcs-stream viewers                            once, for people
  hcs-stream viewers --watch                    again every second, until Ctrl-C
  hcs-stream viewers --json                     one JSON object per viewer and line
  hcs-stream viewers --json --watch >> log.jsonl  one line per viewer and second
  hcs-stream viewers --ssh user@server          those of another machine, which ssh leads to

A viewer is 'busy' if its window did not move for two seconds, 'frozen' if its process is stopped, and
'not answering' if it did not say anything in time. Exit status: 0 listed, 1 no viewer runs, 2 wrong usage.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from rich.console import RenderableType
from rich.live import Live

from hcs_protocol import runtime_folders, skipped_connections
from hcs_stream._viewer import Viewer
from hcs_stream._viewer_reports import Rates, ViewerReport, report_viewers
from hcs_stream._viewers import viewers
from hcs_stream._whereabouts import is_at

from ._complaints import complain
from ._ssh_option import add_ssh, reach_all_as_said, reaching_new_ones
from ._viewers_by_port import HOST
from ._viewers_table import new_console, viewers_table

ANSWER_SECONDS = 3.0
WATCH_SECONDS = 1.0
"""From one look to the next, and how long a viewer may take to answer meanwhile."""

Show = Callable[[list[ViewerReport]], object]


def add_viewers_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``viewers`` to the commands of a parser."""
    parser = commands.add_parser(
        "viewers",
        help="list the viewers that run, and what became of the images sent to them",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--watch", action="store_true", help="look again every second, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print one JSON object per viewer and line")
    add_ssh(parser)
    parser.set_defaults(run=list_viewers, host=HOST)


def list_viewers(
    options: argparse.Namespace,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> int:
    """Show the viewers that run; return the exit status."""
    host, is_reached = reach_all_as_said(options) if options.ssh is not None else ("", True)
    if not is_reached:
        return 1
    find, none = partial(_viewers_at, host), _none_runs(host)
    with _json_lines() if options.json else _tables(none, watched=options.watch) as show:
        if options.watch:
            rates = Rates(clock)
            look = partial(report_viewers, timeout=WATCH_SECONDS)
            with reaching_new_ones(host):
                watch(lambda: show(rates.add(look(find()))), clock=clock, sleep=sleep)
            return 0
        reports = report_viewers(find(), ANSWER_SECONDS)
        if reports:
            show(reports)
            return 0
    complain(none)
    return 1


def _viewers_at(host: str) -> list[Viewer]:
    """Return the viewers of a host; of any, if it is empty."""
    return [viewer for viewer in viewers() if not host or is_at(viewer.connection, host)]


def watch(
    look: Callable[[], object], *, clock: Callable[[], float], sleep: Callable[[float], object]
) -> None:
    """Look once every second, until Ctrl-C."""
    due = clock()
    with suppress(KeyboardInterrupt):
        while True:
            look()
            due = max(due + WATCH_SECONDS, clock())
            sleep(due - clock())


@contextmanager
def _json_lines() -> Iterator[Show]:
    def show(reports: list[ViewerReport]) -> None:
        for report in reports:
            sys.stdout.write(f"{report.json()}\n")
        sys.stdout.flush()

    yield show


@contextmanager
def _tables(none: str, *, watched: bool) -> Iterator[Show]:
    console = new_console(sys.stdout)
    if watched and console.is_terminal:
        with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
            yield lambda reports: live.update(_rendered(reports, none), refresh=True)
    elif watched:
        yield lambda reports: console.print(_rendered(reports, none), "")  # a line between two looks
    else:
        yield lambda reports: console.print(_rendered(reports, none))


def _rendered(reports: list[ViewerReport], none: str) -> RenderableType:
    return viewers_table(reports) if reports else none


def _none_runs(host: str) -> str:
    if host:
        return f"no viewer of this user runs on {host}"
    folders = ", ".join(map(str, runtime_folders()))
    return (
        "no viewer of this user runs; start one with 'hcs-stream start', or in Python with "
        f"hcs_stream.start_viewer() (looked for connection files in {folders})"
        + "".join(f"\nskipped: {problem}" for problem in skipped_connections(runtime_folders()))
    )
