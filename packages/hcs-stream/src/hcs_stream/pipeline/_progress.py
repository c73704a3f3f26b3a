"""How far a run is, for who waits: a bar on a terminal, else lines in the log."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

logger = logging.getLogger(__name__)

OnProgress = Callable[[int, int], None]
"""Called with the number of wells that are done, and of all."""


@contextmanager
def shown_progress(given: OnProgress | None, name: str) -> Iterator[OnProgress]:
    """Yield who is told of progress: the caller's function, or else a bar or the log."""
    if given is not None:
        yield given
    elif sys.stderr is not None and sys.stderr.isatty():
        yield from _bar(name)
    else:
        yield lambda done, of: logger.info("wells plate=%r done=%d of=%d", name, done, of)


def _bar(name: str) -> Iterator[OnProgress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("wells"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
