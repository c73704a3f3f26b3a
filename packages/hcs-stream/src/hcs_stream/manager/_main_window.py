"""The window: viewers above, the images of a plate below."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from qtpy.QtCore import QByteArray, QSize, Qt
from qtpy.QtGui import QAction, QCloseEvent, QIcon, QKeySequence
from qtpy.QtWidgets import QLabel, QMainWindow, QSplitter, QToolBar, QWidget

from ._browser import Browser
from ._condition import Health
from ._dialogs import Dialogs
from ._errands import Errands
from ._instance_list import InstanceList
from ._instances import Instance, Instances
from ._log_view import LogView, ReadLog
from ._main_thread import MainThread
from ._remembered import Remembered, remember
from ._styles import LIGHT, symbol
from ._target import Target
from ._viewer_actions import ViewerActions

logger = logging.getLogger(__name__)

TITLE = "HCS viewers"
SIZE = (1240, 900)
OF_SCREEN = 0.92
"""Of a small screen; the rest is for the window's frame."""
SAID_MILLISECONDS = 15_000
Queued = Callable[[Target], int]
"""Says how many images wait in this window for a viewer."""


class MainWindow(QMainWindow):
    """Lists viewers, and the images that can be sent to them."""

    def __init__(
        self,
        instances: Instances,
        *,
        clock: Callable[[], float] = time.monotonic,
        errands: Errands | None = None,
        browser: Browser | None = None,
        queued: Queued = lambda target: 0,
        look: Callable[[], None] = lambda: None,
        remembered: Remembered | None = None,
        remembered_path: Path | None = None,
        dialogs: Dialogs | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            instances: What is listed, which is told what is done here.
            clock: That of the instances.
            errands: Runs what may wait.
            browser: The part that shows images.
            queued: Says how many images wait here for a viewer.
            look: Looks for changes at once.
            remembered: From the last time.
            remembered_path: Where to remember.
            dialogs: Ask what is to be known.
        """
        super().__init__()
        self.setWindowTitle(TITLE)
        self.setWindowIcon(_window_icon())
        self._errands = errands or Errands()
        self._remembered = remembered or Remembered()
        self._remembered_path = remembered_path
        self._queued = queued
        self.browser = browser
        self._is_ending = False
        self._targets: list[Target] = []
        self._target: Target | None = None
        self._main_thread = MainThread(self)
        self.viewer_actions = ViewerActions(
            instances, self._errands, dialogs or Dialogs(self), self._remembered, clock, look, self
        )
        actions = self.viewer_actions
        self.viewer_list = InstanceList(_of_one(actions), actions.launch, self)
        self.viewer_list.addActions([actions.quit, actions.kill, actions.dismiss])
        self.viewer_list.chosen.connect(self._choose)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.summary = QLabel()
        self._lay_out()
        self._recall()
        actions.said.connect(lambda said: self._say(said))
        actions.log_wanted.connect(self._show_log)

    def take(self, listed: list[Instance]) -> None:
        """List these; may be called from any thread."""
        self._main_thread.call(lambda: self.show_instances(listed))

    def show_instances(self, listed: list[Instance]) -> None:
        """List these."""
        self.viewer_list.show_instances([self._with_queue(each) for each in listed])
        targets = [target for each in listed if (target := each.target)]
        if targets != self._targets:
            self._targets = targets
            if self.browser is not None:
                self.browser.set_targets(targets)
        self.summary.setText(summary(listed))
        self._choose()

    def complain(self, headline: str) -> None:
        """Say that something went wrong inside, and go on; may be called from any thread."""
        self._main_thread.call(lambda: self._say(headline))

    def close_now(self) -> None:
        """Close without asking; images that wait here are given up. A second time is harmless."""
        self._is_ending = True
        self.close()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802  # Qt's
        """Ask whether images that wait are given up; remember how the window was."""
        if event is not None and self.browser is not None and not self._is_ending:
            if not self.browser.may_close():
                event.ignore()
                return
            self._is_ending = True  # it is asked once
        geometry = self.saveGeometry().toBase64()
        self._remembered.geometry = bytes(geometry.data()).decode("ascii")
        self._remembered.splitter = self.splitter.sizes() if self.splitter.count() > 1 else []
        self._remembered.columns = self.viewer_list.widths()
        if self._remembered_path is not None:
            remember(self._remembered, self._remembered_path)
        super().closeEvent(event)

    def _lay_out(self) -> None:
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.viewer_list)
        if self.browser is not None:
            self.splitter.addWidget(self.browser)
            self.splitter.setSizes([SIZE[1] // 4, SIZE[1] * 3 // 4])
            self.splitter.setStretchFactor(1, 1)
            self.viewer_list.dropped.connect(self.browser.send_to)
            self.browser.said.connect(self._say)
            self.browser.recent_changed.connect(self._remember_folders)
            QWidget.setTabOrder(self.viewer_list.table, self.browser)
        self.setCentralWidget(self.splitter)
        actions = self.viewer_actions
        bar = QToolBar("Viewers")
        bar.setMovable(False)
        for action in (actions.launch, actions.add, None, actions.quit, actions.kill, actions.dismiss, None):
            bar.addSeparator() if action is None else bar.addAction(action)
        bar.addActions([actions.log, actions.screenshot])
        self.addToolBar(bar)
        if (menus := self.menuBar()) is not None and (menu := menus.addMenu("&Viewer")) is not None:
            close = QAction("&Close this window", self)
            close.setShortcut(QKeySequence.StandardKey.Quit)
            close.triggered.connect(self.close)
            first = [actions.launch, actions.add, None]
            for action in (*first, *_of_one(actions), None, actions.refresh, None, close):
                menu.addSeparator() if action is None else menu.addAction(action)
        if (status := self.statusBar()) is not None:
            status.addPermanentWidget(self.summary)

    def _recall(self) -> None:
        before = self._remembered
        self.viewer_list.set_widths(before.columns)
        if self.browser is not None:
            self.browser.set_recent(before.folders)
        geometry = QByteArray.fromBase64(before.geometry.encode("ascii", "replace"))
        if not (before.geometry and self.restoreGeometry(geometry)):
            self.resize(self._fitting())
        if len(before.splitter) == self.splitter.count():
            self.splitter.setSizes(before.splitter)

    def _fitting(self) -> QSize:
        """Return a size of which all is on the screen, which is small where everything is drawn larger."""
        screen = self.screen()
        return QSize(*SIZE).boundedTo(screen.availableSize() * OF_SCREEN) if screen else QSize(*SIZE)

    def _with_queue(self, instance: Instance) -> Instance:
        here = self._queued(instance.target) if instance.target else 0
        return msgspec.structs.replace(instance, waiting=instance.waiting + here) if here else instance

    def _choose(self) -> None:
        self.viewer_actions.choose(self.viewer_list.selected(), self.viewer_list.model.instances)
        current = self.viewer_list.current()
        target = current.target if current else None
        if target != self._target:
            self._target = target
            if self.browser is not None:
                self.browser.set_target(target)

    def _show_log(self, title: str, read: ReadLog) -> None:
        LogView(title, read, self._errands, self).show()

    def _remember_folders(self, folders: list[str]) -> None:
        self._remembered.folders = folders

    def _say(self, said: str) -> None:
        if (status := self.statusBar()) is not None:
            status.showMessage(said, SAID_MILLISECONDS)


def summary(listed: Sequence[Instance]) -> str:
    """Say how many viewers there are, and how many are ill."""
    if not listed:
        return ""
    ill = sum(each.condition.health is Health.ILL for each in listed)
    viewers = f"{len(listed)} viewer{'s' if len(listed) > 1 else ''}"
    return f"{viewers}, {ill} ill" if ill else f"{viewers}, all well"


def _of_one(actions: ViewerActions) -> list[QAction | None]:
    first = [actions.quit, actions.kill, actions.dismiss]
    return [*first, None, actions.log, actions.screenshot, actions.copy_path]


def _window_icon() -> QIcon:
    colours = LIGHT[Health.WELL]
    return symbol(Health.WELL, colours.ink, colours.ground)
