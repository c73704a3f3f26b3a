"""What the manager's window looks like: a stranger sees at once which viewer is ill.

`HCS_PICTURES=docs/images` keeps the pictures there.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication, QStyleFactory, QWidget
from seen_window import DARK, FROZEN, LIGHT, STARTING, SeenWindow, palette

from hcs_stream.manager._condition import Process
from hcs_stream.manager._launching import LaunchDialog

THEMES = {"manager": LIGHT, "manager-dark": DARK}


@pytest.fixture(params=THEMES)
def name(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[str]:
    """Let the system be light, then dark, in the style that all platforms have."""
    before, style = qapp.palette(), qapp.style()
    style_before = style.objectName() if style else "fusion"
    qapp.setStyle(QStyleFactory.create("Fusion"))
    qapp.setPalette(palette(THEMES[request.param]))
    yield request.param
    qapp.setPalette(before)
    qapp.setStyle(QStyleFactory.create(style_before))


def keep(qtbot: QtBot, widget: QWidget, name: str) -> None:
    """Keep a picture of a window, if somebody wants it."""
    qtbot.wait(50)  # until Qt has laid it out
    if folder := os.environ.get("HCS_PICTURES"):
        assert widget.grab().save(str(Path(folder) / f"{name}.png"))


def test_one_viewer_of_five_is_ill(qtbot: QtBot, connection: Any, dialogs: Any, name: str) -> None:
    seen = SeenWindow(qtbot, connection, dialogs)
    seen.window.resize(1100, 420)
    remote = connection(5558, host="imaging-3.lab", title="Night run")
    seen.see(
        seen.instance(5555, title="Screen 7", shown=12_480, shown_per_second=24.0, rss_nbytes=3 << 30),
        seen.instance(5556, STARTING, title="Assay 2", shown=0, waiting=37, shown_per_second=None),
        seen.instance(5557, FROZEN, title="Segmentation QC", shown=321, rss_nbytes=811 << 20),
        seen.instance(5558, connection=remote, shown=96, rss_nbytes=None, process=Process.ELSEWHERE),
        seen.instance(5559, title="Dose response", shown=1_536, rss_nbytes=1300 << 20),
    )
    seen.choose(4)

    keep(qtbot, seen.window, name)

    assert [row[0] for row in seen.cells] == ["ready", "starting", "frozen", "ready", "ready"]
    assert seen.window.summary.text() == "5 viewers, 1 ill"


def test_a_list_without_viewers_teaches(qtbot: QtBot, connection: Any, dialogs: Any, name: str) -> None:
    seen = SeenWindow(qtbot, connection, dialogs)
    seen.window.resize(1100, 420)
    seen.see()

    keep(qtbot, seen.window, f"{name}-empty")

    assert seen.window.viewer_list.empty.isVisible()


def test_a_viewer_is_launched(qtbot: QtBot, name: str) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = LaunchDialog(5557, {5555, 5556}, ["napari"], [], parent)
    dialog.show()
    qtbot.waitExposed(dialog)

    keep(qtbot, dialog, f"{name}-launch")

    assert dialog.chosen.data_port == 5557
