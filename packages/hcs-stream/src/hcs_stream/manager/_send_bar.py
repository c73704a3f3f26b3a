"""How many images are chosen, and the button that sends them to a viewer."""

from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from ._target import Target
from ._words import images


class SendBar(QWidget):
    """Says what is chosen; sends it to the viewer that is named on the button, or to another one."""

    send = Signal(object)
    """To this `Target`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._targets: list[Target] = []
        self._target: Target | None = None
        self._count = 0
        self.count = QLabel()
        self.button = QToolButton()
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.button.clicked.connect(self._send)
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(partial(self.fill_menu, self._menu))
        self.button.setMenu(self._menu)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.count, 1)
        box.addWidget(self.button)
        self.show_count(0, 0, has_selection=False)

    @property
    def target(self) -> Target | None:
        """The viewer on the button."""
        return self._target

    @property
    def targets(self) -> Sequence[Target]:
        """All viewers that images can be sent to."""
        return self._targets

    def set_targets(self, targets: Sequence[Target]) -> None:
        """Offer these viewers."""
        self._targets = list(targets)
        here = {(target.host, target.data_port): target for target in targets}
        if self._target is not None:
            self._target = here.get((self._target.host, self._target.data_port))
        self.set_target(self._target)

    def set_target(self, target: Target | None) -> None:
        """Send to this one; without a word, to the only one there is."""
        only = self._targets[0] if len(self._targets) == 1 else None
        self._target = target or only
        self._say()

    def show_count(self, chosen: int, listed: int, *, has_selection: bool) -> None:
        """Say how many images are chosen."""
        self._count = chosen
        if not listed:
            self.count.setText("No image is listed")
        elif has_selection:
            self.count.setText(f"<b>{images(chosen)}</b> of {images(listed)} chosen")
        else:
            self.count.setText(f"<b>{images(listed)}</b> listed and chosen; select some to send only those")
        self._say()

    def fill_menu(self, menu: QMenu) -> None:
        """Offer all viewers in a menu."""
        menu.clear()
        for target in self._targets:
            menu.addAction(f"{target.title} ({_where(target)})", partial(self.send.emit, target))
        if not self._targets:
            action = menu.addAction("No viewer runs")
            if action is not None:
                action.setEnabled(False)

    def _send(self) -> None:
        if self._target is not None:
            self.send.emit(self._target)
        else:
            self.button.showMenu()

    def _say(self) -> None:
        what = f"Send {images(self._count)}" if self._count else "Send"
        where = (
            f" to {self._target.title} ({_where(self._target)})"
            if self._target
            else " to\N{HORIZONTAL ELLIPSIS}"
        )
        self.button.setText(what + where)
        self.button.setEnabled(bool(self._count and self._targets))
        self.button.setToolTip(
            "" if self._targets else "No viewer runs: launch one, then images can be sent to it"
        )


def _where(target: Target) -> str:
    is_here = target.host in {"localhost", "127.0.0.1", "::1"}
    return str(target.data_port) if is_here else f"{target.host}:{target.data_port}"
