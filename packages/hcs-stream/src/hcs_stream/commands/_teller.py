"""What a command says while it goes on: a bar on a terminal, a line now and then anywhere else."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from hcs_stream.sending import printable

PERIOD_SECONDS = 5.0


class Teller:
    """Tells people on standard error; what it is asked to say stands above the bar, if there is one."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._due = clock() + PERIOD_SECONDS

    def say(self, text: str) -> None:
        """Say something, in a line of its own."""
        self._console.print("\n".join(map(printable, f"hcs-stream: {text}".split("\n"))), soft_wrap=True)

    def progress(self, doing: str, done: int, of: int | None = None) -> None:
        """Say how far it is; without a terminal, only if nothing was said of it for a while."""
        if self._bar is not None:
            self._advance(self._bar, doing, done, of)
        elif self._clock() >= self._due:
            self._due = self._clock() + PERIOD_SECONDS
            self.say(f"{doing}: {done}{'' if of is None else f' of {of}'}")

    def begin(self, bar: Progress) -> None:
        """Have progress shown by a bar from now on."""
        self._bar = bar

    def _advance(self, bar: Progress, doing: str, done: int, of: int | None) -> None:
        if self._task is None:
            self._task = bar.add_task(doing, total=of)
        bar.update(self._task, description=doing, completed=done, total=of)


@contextmanager
def a_teller(file: TextIO | None = None) -> Iterator[Teller]:
    """Return a teller; its bar goes when the block ends."""
    console = Console(file=file or sys.stderr, highlight=False, markup=False, emoji=False)
    teller = Teller(console)
    if not console.is_terminal:
        yield teller
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        teller.begin(bar)
        yield teller
