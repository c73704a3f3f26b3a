"""What the image browser looks like: which wells have images, which are chosen, what waits.

`HCS_PICTURES=docs/images` keeps the pictures there.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("PyQt6", reason="the window needs Qt")
pytest.importorskip("pytestqt", reason="the window is tested by pytest-qt")

from images_to_send import FakeViewers, target
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication, QStyleFactory
from seen_window import DARK, LIGHT, palette
from synthetic_plate import make_plate

from hcs_stream.manager._browser import Browser
from hcs_stream.manager._outbox import Outbox

pytestmark = pytest.mark.window

THEMES = {"browser": LIGHT, "browser-dark": DARK}
WELLS, SITES, CHANNELS = 60, 1, 2
PATIENCE_MILLISECONDS = 40_000


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five rows of a plate of 96 wells."""
    folder = tmp_path_factory.mktemp("plates") / "Dose response"
    return make_plate(folder, wells=WELLS, sites=SITES, channels=CHANNELS, z_planes=1, shape=(160, 160))


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


@pytest.mark.timeout(180)
def test_wells_are_chosen_on_the_map_and_sent(
    qtbot: QtBot, plate: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plate.parent)
    viewers = FakeViewers()
    viewers.prepare = lambda stream: stream.gate.clear()
    browser = Browser(Outbox(viewers.connect, lambda: 0.0, retry_seconds=0.01))
    qtbot.addWidget(browser, before_close_func=lambda browser: browser.shut_down())
    browser.resize(1180, 760)
    browser.show()
    browser.set_targets([target(5555, "Dose response"), target(5556, "Controls")])
    browser.set_target(target(5555, "Dose response"))
    browser.set_folder(plate.name)
    qtbot.waitUntil(lambda: len(browser.list.rows) == WELLS * CHANNELS, timeout=PATIENCE_MILLISECONDS)

    wells = frozenset(f"{row}{column:02d}" for row in "BCD" for column in range(3, 9))
    browser.plate_map.choose(wells)
    browser.send_to(target(5555, "Dose response"))
    qtbot.waitUntil(lambda: bool(viewers.streams), timeout=PATIENCE_MILLISECONDS)
    browser.list.table.selectRow(3)
    for row in (5, 7, 9, 12, 13):
        browser.list.table.selectionModel().select(
            browser.list.table_model.index(row, 0),
            browser.list.table.selectionModel().SelectionFlag.Select
            | browser.list.table.selectionModel().SelectionFlag.Rows,
        )
    chosen = [int(row) for row in browser.list.chosen]
    store = browser.thumbnails.store
    qtbot.waitUntil(lambda: all(store.get(row) is not None for row in chosen), timeout=PATIENCE_MILLISECONDS)
    qtbot.wait(200)  # until what was made is drawn

    if folder := os.environ.get("HCS_PICTURES"):
        assert browser.grab().save(str(Path(folder) / f"{name}.png"))

    assert browser.plate_map.chosen == wells
    assert browser.send_bar.button.text() == "Send 6 images to Dose response (5555)"
    viewers.streams[0].gate.set()
    browser.outbox.cancel_all()
