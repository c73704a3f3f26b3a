"""What the window asks whoever sits before it."""

from collections.abc import Collection, Sequence
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QFileDialog, QInputDialog, QMessageBox, QWidget

from ._launching import LaunchDialog
from ._remembered import Launched


class Dialogs:
    """Asks by dialogs of the window."""

    def __init__(self, window: QWidget) -> None:
        self._window = window

    def launch(
        self, port: int, taken: Collection[int], kinds: Sequence[str], before: Sequence[Launched]
    ) -> Launched | None:
        """Ask what to launch; None if nothing."""
        dialog = LaunchDialog(port, taken, kinds, before, self._window)
        is_wanted = dialog.exec() == QDialog.DialogCode.Accepted
        dialog.deleteLater()
        return dialog.chosen if is_wanted else None

    def confirm(self, question: str, explained: str, verb: str) -> bool:
        """Ask whether to do something that cannot be undone; the default is not to."""
        box = QMessageBox(QMessageBox.Icon.Warning, verb, question, parent=self._window)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setInformativeText(explained)
        yes = box.addButton(verb, QMessageBox.ButtonRole.DestructiveRole)
        cancel = box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(cancel)
        box.exec()
        is_wanted = box.clickedButton() is yes
        box.deleteLater()
        return is_wanted

    def picture_to_save(self, proposed: Path) -> Path | None:
        """Ask where to save a picture."""
        path, _ = QFileDialog.getSaveFileName(self._window, "Save screenshot", str(proposed), "PNG (*.png)")
        return as_png(Path(path)) if path else None

    def connection_file(self, folder: str) -> Path | None:
        """Ask for the connection file of another machine's viewer."""
        path, _ = QFileDialog.getOpenFileName(
            self._window,
            "Connection file of a remote viewer",
            folder,
            "Connection files (*.json);;All files (*)",
        )
        return Path(path) if path else None

    def host(self, question: str) -> str | None:
        """Ask for the name of a machine."""
        host, is_given = QInputDialog.getText(self._window, "Remote viewer", question)
        return host.strip() if is_given and host.strip() else None

    def tell(self, headline: str, text: str) -> None:
        """Say that something did not work, and go on."""
        box = QMessageBox(QMessageBox.Icon.Warning, "HCS viewers", headline, parent=self._window)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setInformativeText(text)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()


def as_png(path: Path) -> Path:
    """Return the path with the ending of what is written there, unless it has that: ``plate.v2`` has none."""
    return path if path.suffix.casefold() == ".png" else path.with_name(f"{path.name}.png")
