"""The windows that the manager opens: to launch a viewer, to read its log."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from hcs_stream.manager._dialogs import as_png
from hcs_stream.manager._errands import Errands
from hcs_stream.manager._launching import LaunchDialog, next_free_port
from hcs_stream.manager._log_view import LogView
from hcs_stream.manager._remembered import Launched


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    """A window."""
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def dialog(parent: QWidget) -> Callable[..., LaunchDialog]:
    """Ask what to launch."""
    return lambda taken=(), before=(): LaunchDialog(5557, taken, ["napari", "other"], before, parent)


def test_what_was_typed_is_launched(dialog: Any, qtbot: QtBot) -> None:
    asked = dialog()

    qtbot.keyClicks(asked.title.lineEdit(), "Assay 7")
    asked.port.setValue(6001)

    assert asked.chosen == Launched(title="Assay 7", data_port=6001, kind="napari")


def test_the_last_command_is_offered_again(dialog: Any) -> None:
    asked = dialog(before=[Launched(title="Assay 7", kind="other", command="conda run hcs-viewer")])

    assert (asked.chosen.kind, asked.chosen.command) == ("other", "conda run hcs-viewer")
    assert asked.chosen.title == ""
    assert asked.title.itemText(0) == "Assay 7"


def test_a_port_that_a_viewer_has_is_remarked_on(dialog: Any) -> None:
    asked = dialog(taken={5558})
    before = asked.note.text()

    asked.port.setValue(5558)

    assert "6557" in before
    assert "A viewer has this port" in asked.note.text()


def test_the_keyboard_is_enough(dialog: Any, qtbot: QtBot) -> None:
    asked = dialog()
    asked.show()
    qtbot.keyClicks(asked.title.lineEdit(), "Assay 7")

    with qtbot.waitSignal(asked.accepted):
        qtbot.keyClick(asked.title.lineEdit(), Qt.Key.Key_Return)


def test_a_port_that_is_offered_is_nobodys(viewer: Any) -> None:
    taken = {5555, 5556}

    offered = next_free_port(taken)

    assert offered > 5556


def test_the_port_to_which_pipelines_send_is_offered_first(monkeypatch: pytest.MonkeyPatch) -> None:
    free = next_free_port({5555})
    monkeypatch.setenv("HCS_DATA_PORT", str(free))

    assert next_free_port(set()) == free


@pytest.mark.parametrize(
    ("typed", "written"), [("a", "a.png"), ("a.PNG", "a.PNG"), ("plate.v2", "plate.v2.png")]
)
def test_a_screenshot_has_the_ending_of_what_it_is(typed: str, written: str) -> None:
    assert as_png(Path(typed)) == Path(written)


# The log.


class Log:
    """A log that grows."""

    def __init__(self) -> None:
        self.lines = ["one", "two"]
        self.error: Exception | None = None

    def __call__(self, count: int) -> str:
        if self.error:
            raise self.error
        return "\n".join(self.lines[-count:])


@pytest.fixture
def log() -> Log:
    """A log of two lines."""
    return Log()


@pytest.fixture
def view(qtbot: QtBot, parent: QWidget, log: Log) -> Any:
    """A window that shows the log."""
    errands = Errands()
    view = LogView("Assay 7", log, errands, parent)
    view.show()
    yield view
    view.close()
    errands.stop(20.0)


def test_new_lines_come_by_themselves(view: Any, log: Log, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: view.lines.toPlainText() == "one\ntwo")

    log.lines.append("three")

    qtbot.waitUntil(lambda: view.lines.toPlainText() == "one\ntwo\nthree")


def test_whoever_reads_further_up_is_left_there(view: Any, log: Log, qtbot: QtBot) -> None:
    log.lines += [f"line {n}" for n in range(200)]
    qtbot.waitUntil(lambda: "line 199" in view.lines.toPlainText())
    bar = view.lines.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum() > 0)
    bar.setValue(3)

    log.lines.append("the last")
    qtbot.waitUntil(lambda: "the last" in view.lines.toPlainText())

    assert bar.value() == 3


def test_a_log_that_cannot_be_read_is_told_of(view: Any, log: Log, qtbot: QtBot) -> None:
    log.error = PermissionError("not yours")

    qtbot.waitUntil(lambda: "The log cannot be read: not yours" in view.lines.toPlainText())
