"""Which plate is open: a button, the folders opened before, and what was found."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from hcs_protocol import plain_text
from hcs_stream.sending import ImageTable, Opening, OpeningCancelledError, readable, reason

from ._outbox_view import list_dialog
from ._words import images, number, several

NOTHING_OPEN = "No plate is open: open its folder, or drop it here"
MOST_RECENT = 12
CLOSE_SECONDS = 1.0
COUNTED = {"plate": "plate", "well": "well", "site": "site", "channel": "channel", "timepoint": "timepoint"}


class FolderBar(QWidget):
    """Opens plates; says what is in them and what was left out."""

    opened = Signal(object, object)
    """An `ImageTable`, and the paths it was opened from, a tuple of texts."""
    said = Signal(str)
    recent_changed = Signal(list)
    _seen = Signal(object, int)
    _ended = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._opening: Opening | None = None
        self._threads: list[threading.Thread] = []
        self._asked: tuple[str, ...] = ()
        self._paths: tuple[str, ...] = ()
        """Of the plate that is open."""
        self._recent: list[str] = []
        self._table: ImageTable | None = None
        self.open = QToolButton()
        self.open.setText("Open plate\N{HORIZONTAL ELLIPSIS}")
        self.open.setToolTip("Open the folder of a plate, or drop one here")
        self.open.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.open.clicked.connect(self.ask_for_folder)
        self._menu = QMenu(self)
        self.open.setMenu(self._menu)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.path = QElidingLabel(NOTHING_OPEN)
        self.path.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.path.setMinimumWidth(160)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setFixedWidth(120)
        self.bar.setTextVisible(False)
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self.stop)
        self.facts = QLabel()
        self.skipped = QToolButton()
        self.skipped.setAutoRaise(True)
        self.skipped.setToolTip("List the files that are not among the images")
        self.skipped.clicked.connect(self.show_skipped)
        line = QHBoxLayout()
        line.addWidget(self.open)
        line.addWidget(self.path, 1)
        line.addWidget(self.bar)
        line.addWidget(self.cancel)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        box.addLayout(line)
        told = QHBoxLayout()
        told.addWidget(self.facts)
        told.addWidget(self.skipped)
        told.addStretch()
        box.addLayout(told)
        self._seen.connect(self._show_seen)
        self._ended.connect(self._end)
        self._be_busy(False)
        self.skipped.hide()

    @property
    def recent(self) -> list[str]:
        """Folders that were opened, the last one first."""
        return list(self._recent)

    def set_recent(self, folders: Sequence[str]) -> None:
        """Offer these folders."""
        self._recent = list(dict.fromkeys(folders))[:MOST_RECENT]

    @property
    def is_busy(self) -> bool:
        """Whether a plate is being opened."""
        return self._opening is not None

    def open_paths(self, paths: Sequence[str]) -> None:
        """Open a folder, or several images; what is under way is cancelled."""
        self.stop()
        self._asked = tuple(paths)
        self._opening = opening = Opening(self._asked)
        self.path.setText(plain_text(", ".join(paths)))
        self._tell("Looking for images\N{HORIZONTAL ELLIPSIS}")
        self._be_busy(True)
        thread = threading.Thread(target=self._run, args=(opening,), name="hcs-open", daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def open_again(self) -> None:
        """Look again at what is open: images may have come."""
        if self._paths:
            self.open_paths(self._paths)

    def stop(self) -> None:
        """Open nothing any more; a second time is harmless."""
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            self._be_busy(False)
            self._tell("Opening was cancelled")
            self._show_path()

    def close_threads(self) -> None:
        """Cancel and wait, a second at most: a disk may hang."""
        self.stop()
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)

    def show_skipped(self) -> None:
        """List the files that are no images."""
        if self._table is None:
            return
        lines = [f"{path}    ({why})" for why, paths in self._table.skipped().items() for path in paths]
        list_dialog(
            self, "Not images of the plate", f"{number(len(lines))} files were left out:", lines
        ).open()

    def _run(self, opening: Opening) -> None:
        try:
            result: object = opening.run(partial(self._tell_seen, opening))
        except Exception as error:  # said in words
            result = error
        with suppress(RuntimeError):  # the window is gone meanwhile
            self._ended.emit(opening, result)

    def _tell_seen(self, opening: Opening, count: int) -> None:
        with suppress(RuntimeError):
            self._seen.emit(opening, count)

    def _show_seen(self, opening: Opening, count: int) -> None:
        if opening is self._opening:
            self.facts.setText(f"Looking for images\N{HORIZONTAL ELLIPSIS} {number(count)} files seen")

    def _end(self, opening: Opening, result: object) -> None:
        if opening is not self._opening:
            return  # another one was opened meanwhile
        self._opening = None
        self._be_busy(False)
        if isinstance(result, ImageTable):
            self._table, self._paths = result, self._asked
            self.facts.setText(facts(result))
            self.skipped.setText(left_out(result))
            self.skipped.setVisible(bool(self.skipped.text()))
            self._remember()
            self.opened.emit(result, self._paths)
            self.said.emit(f"{images(len(result))} in {', '.join(self._paths)}")
        elif not isinstance(result, OpeningCancelledError):
            self._tell(f"Nothing was opened: {result}")
            self._show_path()
            self.said.emit(f"Nothing was opened: {result}")

    def _show_path(self) -> None:
        self.path.setText(plain_text(", ".join(self._paths) or NOTHING_OPEN))

    def _tell(self, what: str) -> None:
        self.facts.setText(plain_text(what))
        self.skipped.hide()

    def _remember(self) -> None:
        if len(self._paths) == 1 and readable(self._paths[0]) == self._paths[0]:  # else no file can have it
            self.set_recent([*self._paths, *self._recent])
            self.recent_changed.emit(self.recent)

    def _be_busy(self, is_busy: bool) -> None:
        self.bar.setVisible(is_busy)
        self.cancel.setVisible(is_busy)

    def _fill_menu(self) -> None:
        self._menu.clear()
        if self._paths:
            self._menu.addAction("Look again", self.open_again)
            self._menu.addSeparator()
        for folder in self._recent:
            self._menu.addAction(folder, partial(self.open_paths, [folder]))
        if not self._recent:
            action = self._menu.addAction("No folder was opened before")
            if action is not None:
                action.setEnabled(False)

    def ask_for_folder(self) -> None:
        start = str(Path(self._recent[0]).parent) if self._recent else ""
        dialog = QFileDialog(self, "Open the folder of a plate", start)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda folder: self.open_paths([folder]))
        dialog.open()


def facts(table: ImageTable) -> str:
    """Say in one line what was found."""
    parts = [f"<b>{images(len(table))}</b>"]
    for component, word in COUNTED.items():
        count = sum(value is not None for value in table.values[component])
        if count > 1 or (count and component in {"well", "channel"}):
            parts.append(several(count, word))
    planes = sum(value is not None for value in table.values["z_index"])
    if planes > 1:
        parts.append(f"{number(planes)} z-planes")
    sizes = {told.pixel_size for told in table.told if told.pixel_size}
    if len(sizes) == 1:
        parts.append(f"{sizes.pop()[0]:.3g} µm a pixel")
    return " · ".join(parts)


def left_out(table: ImageTable) -> str:
    """Say how many files are not among the images, and why; nothing if there are none."""
    skipped = ", ".join(reason(why, count) for why, count in table.counts_skipped().items() if count)
    return f"left out: {skipped}\N{HORIZONTAL ELLIPSIS}" if skipped else ""
