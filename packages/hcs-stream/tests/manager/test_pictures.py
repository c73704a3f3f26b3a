"""What the manager's window looks like: a stranger sees at once which viewer is ill.

`HCS_PICTURES=docs/images` keeps the pictures there.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from images_to_send import FakeViewers
from PIL import Image as PngImage
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QApplication, QStyleFactory, QWidget
from seen_window import DARK, FROZEN, LIGHT, STARTING, SeenWindow, palette

from hcs_stream.manager._browser import Browser
from hcs_stream.manager._condition import Process
from hcs_stream.manager._launching import LaunchDialog
from hcs_stream.manager._outbox import Outbox

plate = pytest.importorskip("synthetic_plate", reason="lies in docs/examples")

PATIENCE_MILLISECONDS = 30_000
THEMES = {"manager": LIGHT, "manager-dark": DARK}
COLOURS = 128
"""Of a kept picture."""


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


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plate with cells that one can recognise."""
    folder = tmp_path_factory.mktemp("data") / "Screen 7 plate 12"
    return Path(plate.make_plate(folder, wells=24, sites=1, z_planes=1, shape=(256, 256)))


@pytest.fixture
def browser() -> Iterator[Browser]:
    """The image browser; one viewer takes nothing yet."""
    viewers = FakeViewers()
    viewers.absent = {5556}
    browser = Browser(Outbox(viewers.connect, lambda: 0.0))
    yield browser
    browser.shut_down()


def keep(qtbot: QtBot, widget: QWidget, name: str) -> None:
    """Keep a picture of a window, if somebody wants it."""
    qtbot.wait(50)  # until Qt has laid it out
    if folder := os.environ.get("HCS_PICTURES"):
        path = Path(folder) / f"{name}.png"
        seen = QImage(widget.size(), QImage.Format.Format_RGB32)  # whatever colours the screen has
        widget.render(seen)
        assert seen.save(str(path))
        with PngImage.open(path) as picture:
            small = picture.convert("RGB").quantize(COLOURS, dither=PngImage.Dither.NONE)
        small.save(path, optimize=True)


def see_five(seen: SeenWindow, connection: Any) -> None:
    """List five viewers, one of which is frozen."""
    remote = connection(5558, host="imaging-3.lab", title="Night run")
    seen.see(
        seen.instance(5555, title="Screen 7", shown=12_480, shown_per_second=24.0, rss_nbytes=3 << 30),
        seen.instance(5556, STARTING, title="Assay 2", shown=0, shown_per_second=None),
        seen.instance(5557, FROZEN, title="Segmentation QC", shown=321, rss_nbytes=811 << 20),
        seen.instance(5558, connection=remote, shown=96, rss_nbytes=None, process=Process.ELSEWHERE),
        seen.instance(5559, title="Dose response", shown=1_536, rss_nbytes=1300 << 20),
    )


def test_one_viewer_of_five_is_ill(
    qtbot: QtBot, connection: Any, dialogs: Any, name: str, browser: Browser, cells: Path
) -> None:
    seen = SeenWindow(qtbot, connection, dialogs, browser=browser, queued=browser.outbox.waiting_for)
    seen.window.resize(1240, 900)
    see_five(seen, connection)
    browser.set_folder(cells)
    qtbot.waitUntil(lambda: len(browser.list.rows) == 48, timeout=PATIENCE_MILLISECONDS)
    browser.plate_map.choose(frozenset({"A01", "A02", "B01", "B02"}))
    qtbot.waitUntil(lambda: len(browser.list.rows) == 8, timeout=PATIENCE_MILLISECONDS)
    starting = next(each.target for each in seen.window.viewer_list.model.instances if each.data_port == 5556)
    browser.send_to(starting)
    see_five(seen, connection)
    seen.choose(0)
    qtbot.wait(1500)  # for thumbnails, which tell nobody when all are there

    browser.folder.path.setText("/data/Screen 7 plate 12")  # where a test keeps it looks odd
    keep(qtbot, seen.window, name)
    waiting = [row[4] for row in seen.cells]
    seen.window.close_now()

    assert [row[0] for row in seen.cells] == ["ready", "starting", "frozen", "ready", "ready"]
    assert waiting == ["", "8", "", "", ""]
    assert seen.window.summary.text() == "5 viewers, 1 ill"


def test_a_list_without_viewers_teaches(qtbot: QtBot, connection: Any, dialogs: Any, name: str) -> None:
    seen = SeenWindow(qtbot, connection, dialogs)
    seen.window.resize(900, 360)
    seen.see()

    if name == "manager":
        keep(qtbot, seen.window, "manager-empty")

    assert seen.window.viewer_list.empty.isVisible()


def test_a_viewer_is_launched(qtbot: QtBot, name: str) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = LaunchDialog(5557, {5555, 5556}, ["napari"], [], parent)
    dialog.show()
    qtbot.waitExposed(dialog)

    if name == "manager":
        keep(qtbot, dialog, "manager-launch")

    assert dialog.chosen.data_port == 5557
