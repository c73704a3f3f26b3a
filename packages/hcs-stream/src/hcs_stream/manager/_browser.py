"""The image browser: open a plate, choose wells and images, send them to a viewer."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from qtpy.QtCore import QPoint, Qt, QUrl, Signal
from qtpy.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDrag,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
    QShortcut,
)
from qtpy.QtWidgets import QGroupBox, QMenu, QMessageBox, QSplitter, QToolButton, QVBoxLayout, QWidget

from hcs_stream.microscopes import ImageFile
from hcs_stream.sending import ImageTable

from ._chosen_images import ChosenImages
from ._filters import Listed, Rows
from ._folder_bar import FolderBar
from ._image_list import ImageList
from ._image_model import images_mime
from ._outbox import Outbox
from ._outbox_view import OutboxView
from ._plate_map import PlateMap
from ._send_bar import SendBar
from ._target import Target
from ._thumbnail_store import import_readers
from ._thumbnails import Thumbnails
from ._words import images

DIGEST = 8
MOST_COPIED = 10_000


class Chosen(NamedTuple):
    """Images of the plate that was open when they were chosen: another may be when they are sent."""

    table: ImageTable
    rows: Rows
    plate: str
    run: str


class Browser(QWidget):
    """Shows a plate's images and sends those that are chosen.

    Nothing in here waits for a disk or a viewer: plates are opened by another process, lists, pictures and
    sending are for threads.
    """

    said = Signal(str)
    """For the status bar."""
    folder_opened = Signal(str)
    recent_changed = Signal(list)
    """The folders that were opened, the last one first."""

    def __init__(self, outbox: Outbox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.outbox = outbox
        self._table: ImageTable | None = None
        self._plate = ""
        self._run = ""
        self._dragged: Chosen | None = None
        self._importing = threading.Thread(target=import_readers, name="hcs-import", daemon=True)
        self._importing.start()
        self.folder = FolderBar()
        self.plate_map = PlateMap()
        self.thumbnails = Thumbnails()
        self.list = ImageList()
        self.send_bar = SendBar()
        self.queue = OutboxView(outbox)
        self.dismiss_all = QToolButton()
        self.dismiss_all.setText("Dismiss all")
        self.dismiss_all.setToolTip("Take off this list what was sent as a whole, or cancelled")
        self.dismiss_all.clicked.connect(self._dismiss_all)
        self._arrange()
        self._connect()
        self._take_keys()
        self.setAcceptDrops(True)
        self.setWindowTitle("Images")

    # What the manager's window calls.

    def set_folder(self, path: str | Path) -> None:
        """Open the folder of a plate, of several, or of any images."""
        self.folder.open_paths([str(path)])

    def set_recent(self, folders: Sequence[str]) -> None:
        """Offer folders that were opened before."""
        self.folder.set_recent(folders)

    def set_targets(self, targets: Sequence[Target]) -> None:
        """Say to which viewers images can be sent."""
        self.outbox.know(targets)
        self.send_bar.set_targets(targets)

    def set_target(self, target: Target | None) -> None:
        """Say which of them is meant, if nobody says another."""
        self.send_bar.set_target(target)

    def send_to(self, target: Target) -> None:
        """Send what is dragged, or else what is chosen."""
        if self._dragged is not None:
            self._put(self._dragged, target)
        else:
            self.list.when_listed(lambda: self._put(self._chosen(), target))

    def dragged(self) -> list[ImageFile]:
        """Return the images that are being dragged."""
        if self._dragged is None:
            return []
        return [self._dragged.table.image(int(row)).file for row in self._dragged.rows]

    def may_close(self) -> bool:
        """Ask whether images that wait are given up; say whether the window may be closed."""
        if not (count := self.outbox.waiting):
            return True
        answer = QMessageBox.question(
            self,
            "Images wait to be sent",
            f"{images(count)} wait to be sent. Close the window and send them no more?",
            QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        if answer != QMessageBox.StandardButton.Discard:
            return False
        self.outbox.cancel_all()
        return True

    def shut_down(self) -> None:
        """End all threads; what waits is cancelled. A second time is harmless."""
        self.queue.stop()
        self._importing.join()
        self.folder.close_threads()
        self.list.close_threads()
        self.thumbnails.close_store()
        self.outbox.close()

    # What people do.

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802  # Qt's
        """Ask, as a window of its own, before images are given up."""
        if event is None:
            return
        if self.isWindow() and not self.may_close():
            event.ignore()
            return
        self.shut_down()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802  # Qt's
        """Take folders and files."""
        if event is not None and _local_paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802  # Qt's
        """Open what is dropped."""
        if event is not None and (paths := _local_paths(event)):
            event.acceptProposedAction()
            self.folder.open_paths(paths)

    def _send(self, row: int | None = None) -> None:
        """Send an image, or what is chosen, to the viewer that is named on the button."""
        target = self.send_bar.target
        if target is None:
            self.said.emit("Choose a viewer first: none is named on the button")
        elif row is None:
            self.send_to(target)
        else:
            self._put(self._chosen(row), target)

    def _chosen(self, row: int | None = None) -> Chosen | None:
        """Return this image, or what is chosen; None if no plate is open."""
        if self._table is None:
            return None
        rows = self.list.chosen if row is None else np.array([row], np.int32)
        return Chosen(self._table, rows, self._plate, self._run)

    def _put(self, chosen: Chosen | None, target: Target) -> None:
        if chosen is None or not len(chosen.rows):
            self.said.emit("No image is chosen")
            return
        self.outbox.put(ChosenImages(chosen.table, chosen.rows), chosen.plate, target, chosen.run)
        go = "goes" if len(chosen.rows) == 1 else "go"
        self.said.emit(f"{images(len(chosen.rows))} {go} to {target.title} ({target.data_port})")
        self.queue.look()

    def _dismiss_all(self) -> None:
        self.outbox.dismiss_ended()
        self.queue.look()

    def _drag(self, row: int | None = None) -> None:
        self._dragged = self._chosen(row)
        drag = QDrag(self)
        drag.setMimeData(images_mime())
        try:
            drag.exec(Qt.DropAction.CopyAction)
        finally:
            self._dragged = None

    def _show_menu(self, where: QPoint, row: int | None = None) -> None:
        if (chosen := self._chosen(row)) is None:
            return
        count = len(chosen.rows)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        send = menu.addMenu(f"Send {images(count)} to")
        if send is not None:
            for target in self.send_bar.targets:
                send.addAction(f"{target.title} ({target.data_port})", partial(self._put, chosen, target))
            send.setEnabled(bool(self.send_bar.targets and count))
        menu.addAction("Copy path" if count == 1 else "Copy paths", partial(_copy_paths, chosen))
        menu.addAction("Open the folder", partial(_open_folder, chosen))
        menu.popup(where)

    # What comes of it.

    def _show(self, table: ImageTable, paths: tuple[str, ...]) -> None:
        self._table = table
        plates = [plate for plate in table.values["plate"] if plate is not None]
        folder = Path(paths[0]).absolute()
        self._plate = str(plates[0]) if len(plates) == 1 else folder.name or str(folder)
        self._run = f"{self._plate} {_digest(paths)}"
        by_well = np.bincount(table.codes["well"], minlength=len(table.values["well"])).tolist()
        wells = dict(zip(table.values["well"], by_well, strict=True))
        self.plate_map.set_wells({well: count for well, count in wells.items() if isinstance(well, str)})
        self.thumbnails.show_table(table)
        self.list.show_table(table)
        self.folder_opened.emit(paths[0])

    def _show_listed(self, listed: Listed) -> None:
        if self._table is None:
            return
        wells = zip(self._table.values["well"], listed.by_well.tolist(), strict=True)
        self.plate_map.set_counts({str(well): count for well, count in wells})

    def _show_chosen(self) -> None:
        chosen = self.list.chosen
        self.thumbnails.show_rows(chosen)
        self.send_bar.show_count(len(chosen), len(self.list.rows), has_selection=self.list.has_selection)

    def _arrange(self) -> None:
        left = QSplitter(Qt.Orientation.Vertical)
        left.addWidget(self.plate_map)
        left.addWidget(self.thumbnails)
        left.setStretchFactor(1, 1)
        middle = QSplitter(Qt.Orientation.Horizontal)
        middle.addWidget(left)
        middle.addWidget(self.list)
        middle.setStretchFactor(1, 1)
        self._queue_box = QGroupBox("Being sent")
        queue_box = QVBoxLayout(self._queue_box)
        queue_box.setContentsMargins(4, 4, 4, 4)
        queue_box.addWidget(self.queue)
        queue_box.addWidget(self.dismiss_all, alignment=Qt.AlignmentFlag.AlignRight)
        self._queue_box.hide()
        lower = QSplitter(Qt.Orientation.Vertical)
        lower.addWidget(middle)
        lower.addWidget(self._queue_box)
        lower.setStretchFactor(0, 1)
        for splitter in (left, middle, lower):
            splitter.setChildrenCollapsible(False)
        box = QVBoxLayout(self)
        box.addWidget(self.folder)
        box.addWidget(lower, 1)
        box.addWidget(self.send_bar)

    def _take_keys(self) -> None:
        keys: dict[str, Callable[[], object]] = {
            "Ctrl+O": self.folder.ask_for_folder,
            "Ctrl+R": self.folder.open_again,
            "Ctrl+F": self.list.text.setFocus,
            "Ctrl+Return": self._send,
        }
        for key, act in keys.items():
            QShortcut(QKeySequence(key), self).activated.connect(act)

    def _connect(self) -> None:
        self.folder.opened.connect(self._show)
        self.folder.said.connect(self.said)
        self.folder.recent_changed.connect(self.recent_changed)
        self.plate_map.chosen_changed.connect(self.list.set_wells)
        self.list.listed.connect(self._show_listed)
        self.list.chosen_changed.connect(self._show_chosen)
        self.list.asked.connect(lambda: self._send())
        self.list.drag_asked.connect(lambda: self._drag())
        self.list.menu_asked.connect(lambda where: self._show_menu(where))
        self.thumbnails.activated.connect(self._send)
        self.thumbnails.drag_asked.connect(self._drag)
        self.thumbnails.menu_asked.connect(lambda row, where: self._show_menu(where, row))
        self.send_bar.send.connect(self.send_to)
        self.queue.count_changed.connect(lambda count: self._queue_box.setVisible(bool(count)))
        self.queue.count_changed.connect(lambda count: self.dismiss_all.setVisible(count > 1))


def _copy_paths(chosen: Chosen) -> None:
    if (clipboard := QGuiApplication.clipboard()) is not None:
        clipboard.setText("\n".join(str(chosen.table.path(int(row))) for row in chosen.rows[:MOST_COPIED]))


def _open_folder(chosen: Chosen) -> None:
    if len(chosen.rows):
        folder = chosen.table.path(int(chosen.rows[0])).parent
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _digest(paths: Sequence[str]) -> str:
    """Return what tells plates of one name apart, the same each time that one is opened."""
    places = "\n".join(str(Path(path).absolute()) for path in paths)
    return hashlib.sha256(places.encode(errors="replace")).hexdigest()[:DIGEST]


def _local_paths(event: QDropEvent) -> list[str]:
    mime = event.mimeData()
    urls = mime.urls() if mime is not None and mime.hasUrls() else []
    return [url.toLocalFile() for url in urls if url.isLocalFile()]
