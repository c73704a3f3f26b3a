"""Real windows and their senders as children, as the driver sees them."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache

import psutil
from lanes.children import Child, start
from lanes.places import Places, free_port

from .window_extent import Shape

NANOSECONDS = 1e9
LONG_SECONDS = 400.0
"""For a stream, however slow the machine."""
NO_SETTINGS = {"NAPARI_CONFIG": ""}
"""Windows do not take up, or change, what this user set."""


class RealWindow:
    """A child with a window that is watched."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self._process = psutil.Process(child.process.pid)

    @property
    def rss(self) -> int:
        """Bytes in memory, shared ones too."""
        return int(self._process.memory_info().rss)

    @property
    def anonymous(self) -> int:
        """Bytes in memory that are this process's alone and no file's: RssAnon."""
        memory = self._process.memory_info()
        return int(memory.rss - memory.shared)

    def settle(self) -> None:
        """Return when the window has nothing to do."""
        self.child.ask("settle")

    def painted(self, number: int) -> int:
        """Return when an image with this number, or a later one, was painted, in nanoseconds."""
        return int(self.child.ask("painted", number=number)["at"])

    @property
    def processor_seconds(self) -> float:
        """Seconds that all its threads have used."""
        return float(self.child.ask("processor_time")["nanoseconds"]) / NANOSECONDS


class OurWindow(RealWindow):
    """``hcs-viewer``, and where it listens."""

    def __init__(self, places: Places, children: ExitStack, *options: str) -> None:
        self.port = free_port()
        arguments = ["--data-port", str(self.port), *options]
        environ = places.environ() | NO_SETTINGS
        super().__init__(start(children, "windows.our_window", *arguments, log=places.log, environ=environ))


class OurSender:
    """A worker, connected to one of our windows; its images are numbered on and on."""

    def __init__(self, places: Places, children: ExitStack, shape: Shape) -> None:
        self.shape = shape
        self.sent = 0
        environ = places.environ()
        self.child = start(children, "windows.our_sender", *shape, log=places.log, environ=environ)

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels that were sent."""
        return self.sent * self.shape[0] * self.shape[1] * 2

    def connect(self, window: OurWindow) -> None:
        """Open a stream to a window that is ready."""
        window.child.wait_until_ready()  # or the worker would start one
        self.child.ask("connect", port=window.port)

    def begin(self, series: str, count: int, gap: float = 0.0) -> None:
        """Let it send so many images of a series; `end` has their times."""
        first, self.sent = self.sent + 1, self.sent + count
        self.child.tell("send", series=series, first=first, count=count, gap=gap)

    def end(self) -> list[tuple[int, int]]:
        """Return when each call began and ended, in nanoseconds."""
        return [(began, ended) for began, ended in self.child.hear(LONG_SECONDS)["calls"]]

    def send(self, series: str, count: int = 1, gap: float = 0.0) -> list[tuple[int, int]]:
        """Send so many images of a series; returns when each call began and ended, in nanoseconds."""
        self.begin(series, count, gap)
        return self.end()

    def flush(self) -> None:
        """Return when everything is in its layer, looked at or not."""
        self.child.tell("flush")
        self.child.hear(LONG_SECONDS)


class PlainWindow(RealWindow):
    """A napari window that shows images of its own process."""

    def __init__(self, places: Places, children: ExitStack, shape: Shape) -> None:
        environ = places.environ() | NO_SETTINGS
        super().__init__(start(children, "windows.plain_window", *shape, log=places.log, environ=environ))

    def show(self, how: str, number: int) -> float:
        """Show an image by this command; returns seconds until it is painted."""
        answer = self.child.ask(how, number=number)
        return float(answer["at"] - answer["began"]) / NANOSECONDS


@cache
def has_memory_option() -> bool:
    """Say whether the viewer can be given a budget."""
    command = [sys.executable, "-m", "hcs_viewer", "--help"]
    return "--memory" in subprocess.run(command, check=True, capture_output=True, text=True).stdout


def memory_option(budget: str) -> Sequence[str]:
    """Return the arguments that give a viewer this budget; none where it has no such option."""
    return ["--memory", budget] if has_memory_option() else []
