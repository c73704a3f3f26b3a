"""Asks with which port and title a viewer is to be started."""

import socket
import sys
from collections.abc import Collection, Sequence
from importlib.metadata import entry_points

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from hcs_protocol import DATA_PORT, InvalidPortError, NoFreePortsError, default_data_port, find_free_pair
from hcs_stream._viewer_kinds import ENTRY_POINTS, NAPARI

from ._remembered import Launched

LOWEST, HIGHEST = 1024, 64_535
"""Data ports; the control port is 1000 above."""


def next_free_port(taken: Collection[int]) -> int:
    """Return a data port that no listed viewer has and nobody listens on.

    It is the lowest from that on to which pipelines send if nobody says another.
    """
    try:
        return find_free_pair(default_data_port(), lambda port: port not in taken and _is_free(port))[0]
    except (InvalidPortError, NoFreePortsError):
        return DATA_PORT


def kinds() -> list[str]:
    """Return the kinds of viewers that are installed."""
    found = {entry.name for entry in entry_points(group=ENTRY_POINTS)}
    return sorted(found | {NAPARI}, key=lambda name: (name != NAPARI, name))


class LaunchDialog(QDialog):
    """Asks for port, title, kind and command of a viewer."""

    def __init__(
        self,
        port: int,
        taken: Collection[int],
        kinds: Sequence[str],
        before: Sequence[Launched],
        parent: QWidget,
    ) -> None:
        """Ask.

        Args:
            port: The one that is offered.
            taken: Ports of viewers that run.
            kinds: Of viewers.
            before: What was launched before, the last ones first.
            parent: The window.
        """
        super().__init__(parent)
        self.setWindowTitle("Launch a viewer")
        self._taken = taken
        self.title = QComboBox()
        self.title.setEditable(True)
        self.title.addItems(list(dict.fromkeys(each.title for each in before if each.title)))
        self.title.setCurrentText("")
        self.title.setToolTip("What its window is called, so that you find it again")
        if (edit := self.title.lineEdit()) is not None:
            edit.setPlaceholderText("what you will see in it, as Assay 7")
        self.port = QSpinBox()
        self.port.setRange(LOWEST, HIGHEST)
        self.port.setValue(port)
        self.port.setToolTip("Where pipelines send images; 5555 is where they look if nothing is said")
        self.kind = QComboBox()
        self.kind.addItems(list(kinds))
        self.command = QLineEdit()
        self.command.setPlaceholderText("the viewer that is installed here")
        self.command.setToolTip("What starts it, as: conda run -n napari hcs-viewer")
        if before:
            self.kind.setCurrentText(before[0].kind or NAPARI)
            self.command.setText(before[0].command)
        self.note = QLabel()
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setWordWrap(True)
        self._lay_out(several=len(kinds) > 1)
        self.port.valueChanged.connect(self._say)
        self._say()

    @property
    def chosen(self) -> Launched:
        """What was asked for."""
        return Launched(
            title=self.title.currentText().strip(),
            data_port=self.port.value(),
            kind=self.kind.currentText(),
            command=self.command.text().strip(),
        )

    def offer_port(self, port: int) -> None:
        """Offer another port, unless one was chosen by hand."""
        if not self._is_touched:
            self.port.setValue(port)
            self._is_touched = False

    _is_touched = False

    def _lay_out(self, *, several: bool) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("&Title", self.title)
        form.addRow("&Port", self.port)
        if several:
            form.addRow("&Kind", self.kind)
        form.addRow("&Command", self.command)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        launch = buttons.addButton("&Launch", QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.note)
        layout.addStretch()
        layout.addWidget(buttons)
        if launch is not None:
            launch.setDefault(True)  # only now: it has to be the dialog's
        self.setMinimumWidth(440)
        if (edit := self.port.lineEdit()) is not None:
            edit.textEdited.connect(self._touch)
        self.title.setFocus()

    def _touch(self) -> None:
        self._is_touched = True

    def _say(self) -> None:
        is_taken = self.port.value() in self._taken
        taken = "A viewer has this port: it will be used, and no other started."
        self.note.setText(taken if is_taken else f"Control port {self.port.value() + 1000}.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":  # where it means something else
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as ZeroMQ does
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
