"""Our consumer: the viewer's real receiver and store, and in place of the window one that checks."""

import sys
import threading
import time
from importlib import import_module
from typing import Any

from hcs_protocol import BlockOpener, BlockRef
from hcs_shm import BlockReader, Orphans

from .commands import Answer, serve
from .open_sockets import leave_sockets_open
from .pixels import check

# By name: a viewer without a window is nothing that the package offers, and its imports are checked.
process = import_module("hcs_viewer._process")
inbox = import_module("hcs_viewer._inbox")
settings = import_module("hcs_viewer._settings")
store = import_module("hcs_viewer._store")


class TimedReader:
    """Opens blocks for the receiver, and notes when that began and ended."""

    def __init__(self, blocks: BlockOpener) -> None:
        self.opened: list[tuple[int, int]] = []
        self._blocks = blocks
        self.read_nonce, self.forget, self.close = blocks.read_nonce, blocks.forget, blocks.close
        self.drop_pages = blocks.drop_pages

    def open(self, ref: BlockRef) -> memoryview:
        """Open a block."""
        began = time.monotonic_ns()
        view = self._blocks.open(ref)
        self.opened.append((began, time.monotonic_ns()))
        return view


class Checker:
    """Stands where the window would: looks at each image in the store, forgets it, says that it is shown."""

    def __init__(self, reader: TimedReader) -> None:
        self._reader = reader
        self._changed = threading.Condition()
        self._checked = self._goal = self._ended = 0
        self._bell = threading.Event()
        self._closing = False

    def run_window(self, settings: Any, store: Any, to_window: Any, to_receiver: Any, presence: Any) -> None:
        """Check what arrives, until standard input ends."""
        to_window.wake_by(self._bell.set)
        presence.state = "ready"
        threading.Thread(target=self._obey, daemon=True).start()
        while not self._closing:
            self._bell.wait()
            self._bell.clear()
            while (entry := to_window.take()) is not None:
                if isinstance(entry, inbox.ArrivedImage):
                    self._check(entry, store)
                    seconds = presence.clock() - entry.adopted_at
                    to_receiver.put(inbox.ShownImage(entry.worker_run, entry.ready.sequence, seconds))

    def take(self, count: int, first: int = 0) -> Answer:
        """Return when so many more images are checked; says when each block was opened."""
        with self._changed:
            self._goal += count
            self._changed.wait_for(lambda: self._checked >= self._goal)
            opened, self._reader.opened = self._reader.opened, []
            return {"ended": self._ended, "opened": opened}

    def begin_anew(self) -> Answer:
        """Count from here what the next `take` waits for."""
        with self._changed:
            self._goal, self._reader.opened = self._checked, []
            return {}

    def checked(self) -> Answer:
        """Say how many images were checked in all."""
        return {"checked": self._checked}

    def check(self, entry: Any, store: Any) -> None:
        """Look at an image in the store, and forget it."""
        check(store.get(entry.number).pixels, entry.ready.address.components.timepoint)
        store.forget(entry.number)

    def _check(self, entry: Any, store: Any) -> None:
        self.check(entry, store)
        with self._changed:
            self._checked += 1
            self._ended = time.monotonic_ns()
            if self._checked == self._goal:
                self._changed.notify_all()

    def _obey(self) -> None:
        serve({"take": self.take, "begin_anew": self.begin_anew, "checked": self.checked})
        self._closing = True
        self._bell.set()


def run(
    reader: TimedReader,
    checker: Checker,
    data_port: str,
    security: str,
    host: str = "127.0.0.1",
    *,
    store: Any = None,
) -> None:
    """Run a viewer on this port, secured or open, with this store; else with one as users have it."""
    is_open = security == "open"
    if is_open:
        leave_sockets_open()
    process.run_viewer(
        settings.ViewerSettings(data_port=int(data_port), bind=host, insecure=is_open),
        blocks=reader,
        orphans=Orphans(),
        run_window=checker.run_window,
        store=store,
    )


def main() -> None:
    """Run a viewer on this port, secured or open."""
    reader = TimedReader(BlockReader())
    run(reader, Checker(reader), *sys.argv[1:])


if __name__ == "__main__":
    main()
