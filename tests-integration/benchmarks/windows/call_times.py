"""What streaming takes in a worker: how long callers are in our calls, and what other threads use."""

import json
import os
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import psutil

import hcs_stream

CALLS = ("send", "send_batch", "lend", "progress", "declare", "end_run")
"""Methods of a stream that a pipeline calls between its steps."""


def note_calls(folder: str) -> None:
    """Note, from now on, when each call of this process to a stream began and ended, in a file of its own."""
    notes = os.open(Path(folder, str(os.getpid())), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for name in CALLS:
        setattr(hcs_stream.Stream, name, _noted(name, notes))


def _noted(name: str, notes: int) -> Callable[..., Any]:
    call: Callable[..., Any] = getattr(hcs_stream.Stream, name)

    @wraps(call)
    def note(*arguments: Any, **keywords: Any) -> Any:
        began = time.monotonic_ns()
        try:
            return call(*arguments, **keywords)
        finally:
            spent = time.monotonic_ns() - began
            what = {key: keywords.get(key) for key in ("step", "well", "site")}
            os.write(
                notes, json.dumps({"call": name, "began": began, "spent": spent, **what}).encode() + b"\n"
            )

    return note


class CallNotes:
    """What the workers of a pipeline have noted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}

    def new(self) -> list[dict[str, Any]]:
        """Return the calls since the last time, in the order in which they began."""
        calls = []
        for path in self._folder.iterdir():
            lines = path.read_text().splitlines()
            calls += [json.loads(line) for line in lines[self._read.get(path, 0) :]]
            self._read[path] = len(lines)
        return sorted(calls, key=lambda call: int(call["began"]))

    @property
    def other_threads_seconds(self) -> float:
        """Seconds of processor time of all threads of the workers but those that compute.

        That is ours and libzmq's: the steps start none.
        """
        return sum(_other_threads_seconds(int(path.name)) for path in self._folder.iterdir())


def _other_threads_seconds(pid: int) -> float:
    threads = psutil.Process(pid).threads()
    return sum(thread.user_time + thread.system_time for thread in threads if thread.id != pid)
