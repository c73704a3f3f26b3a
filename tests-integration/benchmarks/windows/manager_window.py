"""The manager's window, and hands that open, scroll and select in it; how long it stands still meanwhile."""

import sys
import time
from collections.abc import Callable, Iterator
from itertools import repeat

from lanes.commands import Answer, keep_standard_output, serve
from qtpy.QtCore import QEvent, QEventLoop, QTimer
from qtpy.QtWidgets import QAbstractItemView, QAbstractScrollArea, QApplication, QTableView, QWidget

from hcs_stream.manager import MainWindow, open_window

from .lateness import Gaps

SIZE = (1240, 900)
HAND_MILLISECONDS = 16
"""From one move of the hand to the next."""
REST_MILLISECONDS = 400
"""After the last move, until all that it caused is done."""
PATIENCE_SECONDS = 80.0
SCROLLS = 60
WHEEL_LINES = 3

OVER = True
Moves = Iterator[None]


class Hands:
    """Somebody who uses the window."""

    def __init__(self, app: QApplication, window: MainWindow, viewers: int) -> None:
        assert window.browser is not None
        self._app, self._window, self._browser = app, window, window.browser
        self._gaps = Gaps()
        window.resize(*SIZE)
        self._wait_until(lambda: window.viewer_list.model.rowCount() == viewers)

    def open(self, folder: str, images: int) -> Answer:
        """Open a plate and wait until all its images are listed and drawn; return the longest gap."""
        listed: list[int] = []
        note = self._browser.list.listed.connect(lambda found: listed.append(len(found.rows)))
        self._gaps.start()
        self._browser.set_folder(folder)
        self._wait_until(lambda: bool(listed) and listed[-1] == images)
        self._rest()
        self._browser.list.listed.disconnect(note)
        return {"nanoseconds": self._gaps.stop()}

    def scroll(self) -> Answer:
        """Scroll through all lists, line by line and far; return the longest gap."""
        return self._watch(self._scrolls())

    def select(self) -> Answer:
        """Choose images, wells and viewers; return the longest gap."""
        return self._watch(self._selections())

    def idle(self) -> Answer:
        """Do nothing, as long as selecting takes; return the longest gap, which is the machine's own."""
        return self._watch(repeat(None, 3 * SCROLLS))

    def paint(self) -> Answer:
        """Return how long it takes to paint all of the window."""
        self._rest()
        for widget in (self._window, *self._window.findChildren(QWidget)):
            widget.update()  # repaint() leaves out what scrolls
        began = time.monotonic_ns()
        self._app.sendPostedEvents(self._window, QEvent.Type.UpdateRequest.value)
        return {"nanoseconds": time.monotonic_ns() - began}

    def _scrolls(self) -> Moves:
        images, table = self._browser.list, self._window.viewer_list.table
        for number, view in enumerate((images.table, images.tree)):
            images.show_view(number)
            yield
            yield from _scrolled(view)
        images.show_view(0)
        yield
        yield from _scrolled(table)

    def _selections(self) -> Moves:
        images = self._browser.list
        for _ in range(2):
            images.table.selectAll()
            yield
            images.table.clearSelection()
            yield
        for row in range(0, images.table_model.rowCount(), max(1, images.table_model.rowCount() // 10)):
            images.table.selectRow(row)
            yield
        wells = sorted(self._wells())
        for chosen in (wells[:1], wells[: len(wells) // 2], wells, []):
            self._browser.plate_map.choose(frozenset(chosen))
            images.set_wells(frozenset(chosen))
            yield
            yield from (None for _ in range(REST_MILLISECONDS // HAND_MILLISECONDS))
        yield from self._viewers_one_by_one(self._window.viewer_list.table)

    def _viewers_one_by_one(self, table: QTableView) -> Moves:
        model = table.model()
        for row in range(model.rowCount() if model else 0):
            table.selectRow(row)
            yield

    def _wells(self) -> set[str]:
        model = self._browser.list.table_model
        rows = range(0, model.rowCount(), max(1, model.rowCount() // 1000))
        return {str(model.index(row, 0).data()) for row in rows}

    def _watch(self, moves: Moves) -> Answer:
        self._gaps.start()
        loop = QEventLoop()
        hand = QTimer()

        def move() -> None:
            if next(moves, OVER):
                hand.stop()
                loop.quit()

        hand.timeout.connect(move)
        hand.start(HAND_MILLISECONDS)
        loop.exec()
        self._rest()
        return {"nanoseconds": self._gaps.stop()}

    def _rest(self) -> None:
        loop = QEventLoop()
        QTimer.singleShot(REST_MILLISECONDS, loop.quit)
        loop.exec()

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the window did not get so far")
            self._app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


def _scrolled(view: QAbstractScrollArea) -> Moves:
    bar = view.verticalScrollBar()
    if bar is None:
        return
    lines = bar.pageStep() if isinstance(view, QAbstractItemView) else 1
    for number in range(SCROLLS):
        bar.setValue(min(number, lines) * WHEEL_LINES)
        yield
    for number in range(SCROLLS + 1):
        bar.setValue(bar.maximum() * number // SCROLLS)
        yield


def main() -> None:
    """Be the manager, with so many viewers."""
    answers = keep_standard_output()
    app = QApplication(["manager", "-style", "Fusion"])
    with open_window() as window:
        hands = Hands(app, window, int(sys.argv[1]))
        serve(
            {name: getattr(hands, name) for name in ("open", "scroll", "select", "idle", "paint")},
            answers,
        )


if __name__ == "__main__":
    main()
