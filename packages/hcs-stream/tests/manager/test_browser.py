"""A plate is opened, filtered, chosen from and sent, by somebody who sits at the window."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("PyQt6", reason="the window needs Qt")
pytest.importorskip("pytestqt", reason="the window is tested by pytest-qt")

from images_to_send import FakeViewers, target, write_plate, write_single_image
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QCloseEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QListView, QMenu, QMessageBox, QWidget

from hcs_stream.manager._browser import Browser
from hcs_stream.manager._image_model import MIME
from hcs_stream.manager._outbox import Outbox

pytestmark = pytest.mark.window

PATIENCE_MILLISECONDS = 30_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def viewers() -> FakeViewers:
    """Viewers that take everything."""
    return FakeViewers()


@pytest.fixture
def browser(qtbot: QtBot, viewers: FakeViewers) -> Iterator[Browser]:
    """The browser in a window of its own."""
    made = Browser(Outbox(viewers.connect, lambda: 0.0, retry_seconds=0.01))
    qtbot.addWidget(made, before_close_func=lambda browser: browser.shut_down())
    made.resize(1100, 700)
    made.show()
    qtbot.waitExposed(made)
    yield made
    for stream in viewers.streams:
        stream.gate.set()
    made.shut_down()


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """Three wells of two sites and two channels, and a note."""
    folder = write_plate(tmp_path / "Assay 7", ("A01", "A02", "B01"), sites=2, channels=2)
    (folder / "notes.txt").touch()
    return folder


@pytest.fixture
def opened(browser: Browser, plate: Path, qtbot: QtBot) -> Browser:
    """The browser with the plate."""
    browser.set_targets([target()])
    browser.set_folder(plate)
    wait_for(browser, qtbot, 12)
    return browser


def wait_for(browser: Browser, qtbot: QtBot, count: int) -> None:
    """Wait until so many images are listed."""

    def is_so() -> bool:
        return browser.list.is_current and len(browser.list.rows) == count

    qtbot.waitUntil(is_so, timeout=PATIENCE_MILLISECONDS)


def is_in_place(button: QWidget) -> bool:
    """Say whether who clicks at a button's middle hits it: it may be shown before there is room for it."""
    window = button.window()
    return window is not None and window.childAt(button.mapTo(window, button.rect().center())) is button


def wait_until_sent(browser: Browser, qtbot: QtBot) -> None:
    """Wait until nothing is to be sent."""
    entries = browser.outbox
    qtbot.waitUntil(
        lambda: bool(entries.entries) and all(entry.is_over for entry in entries.entries),
        timeout=PATIENCE_MILLISECONDS,
    )


def sent(viewers: FakeViewers) -> list[tuple[object, object, object]]:
    """Return well, site and channel of what was sent."""
    return [
        (each["well"], each["site"], each["channel"]) for stream in viewers.streams for each in stream.sent
    ]


def test_a_folder_whose_name_is_html_is_shown_as_it_is_and_opens_no_file(
    browser: Browser, tmp_path: Path, qtbot: QtBot
) -> None:
    browser.set_folder(write_plate(tmp_path / "<img src='pipe'>"))
    wait_for(browser, qtbot, 2)

    tip = browser.list.table_model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert [Qt.mightBeRichText(text) for text in (tip, browser.folder.path.text())] == [False, False]


def test_a_plate_is_opened_and_what_is_in_it_and_was_left_out_is_told(opened: Browser) -> None:
    facts = opened.folder.facts.text()

    assert "<b>12 images</b> · 3 wells · 2 sites · 2 channels" in facts
    assert opened.folder.skipped.text() == "left out: 1 other file…"
    assert opened.send_bar.button.text() == "Send 12 images to Assay 7 (5555)"
    assert opened.folder.recent == [str(opened.folder.recent[0])]


def test_why_nothing_was_opened_is_told_and_the_plate_before_stays(
    opened: Browser, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "empty").mkdir()

    with qtbot.waitSignal(opened.said, timeout=PATIENCE_MILLISECONDS) as told:
        opened.set_folder(tmp_path / "empty")

    assert "wanted TIFF files" in told.args[0]
    assert len(opened.list.rows) == 12
    assert opened.folder.path.text() == str(tmp_path / "Assay 7")


def test_opening_is_cancelled_at_once(browser: Browser, plate: Path) -> None:
    browser.set_folder(plate)
    assert browser.folder.cancel.isVisible()

    browser.folder.cancel.click()

    assert not browser.folder.is_busy
    assert browser.folder.facts.text() == "Opening was cancelled"


def test_folders_that_are_dropped_are_opened(browser: Browser, plate: Path, qtbot: QtBot) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(plate))])
    event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, LEFT, Qt.KeyboardModifier.NoModifier)

    browser.dropEvent(event)

    wait_for(browser, qtbot, 12)


def test_wells_on_the_map_narrow_the_list_and_are_sent_in_the_plates_order(
    opened: Browser, viewers: FakeViewers, qtbot: QtBot
) -> None:
    opened.plate_map.choose(frozenset({"B01", "A01"}))
    wait_for(opened, qtbot, 8)

    qtbot.mouseClick(opened.send_bar.button, LEFT, pos=opened.send_bar.button.rect().center())
    wait_until_sent(opened, qtbot)

    assert sent(viewers) == [
        (well, site, channel) for well in ("A01", "B01") for site in (1, 2) for channel in ("1", "2")
    ]


def test_what_is_sent_at_once_after_a_choice_is_what_was_chosen(
    opened: Browser, viewers: FakeViewers, qtbot: QtBot
) -> None:
    opened.plate_map.choose(frozenset({"A02"}))
    opened.send_to(target())
    wait_until_sent(opened, qtbot)

    assert {well for well, _, _ in sent(viewers)} == {"A02"}


def test_text_and_chips_narrow_the_list_and_the_map_tells_what_is_left(opened: Browser, qtbot: QtBot) -> None:
    qtbot.keyClicks(opened.list.text, "A01-A02")
    wait_for(opened, qtbot, 8)
    chip = next(chip for chip in opened.list.chips if chip.component == "channel")

    chip.model.check({1})
    wait_for(opened, qtbot, 4)

    assert chip.text().startswith("Channel: 2 ")
    assert {well: opened.plate_map.count(well) for well in ("A01", "A02", "B01")} == {
        "A01": 2,
        "A02": 2,
        "B01": 0,
    }
    opened.list.clear_filters()
    wait_for(opened, qtbot, 12)


def test_values_are_checked_with_the_mouse_and_with_keys(opened: Browser, qtbot: QtBot) -> None:
    chip = next(chip for chip in opened.list.chips if chip.component == "site")
    qtbot.mouseClick(chip, LEFT)
    values = QApplication.activePopupWidget().findChild(QListView)
    qtbot.mouseClick(values.viewport(), LEFT, pos=values.visualRect(values.model().index(0, 0)).center())
    wait_for(opened, qtbot, 6)

    for key in (Qt.Key.Key_Space, Qt.Key.Key_Down, Qt.Key.Key_Space, Qt.Key.Key_Escape):
        qtbot.keyClick(QApplication.activePopupWidget().focusWidget(), key)

    wait_for(opened, qtbot, 6)
    assert chip.text().startswith("Site: 2 ")
    assert QApplication.activePopupWidget() is None


def test_what_is_wrong_with_a_filter_is_told_and_nothing_is_listed_that_could_be_sent(
    opened: Browser, qtbot: QtBot
) -> None:
    opened.list.text.setText("well=QQ")

    qtbot.waitUntil(opened.list.trouble.isVisible, timeout=PATIENCE_MILLISECONDS)

    assert "wanted a well" in opened.list.trouble.text()
    assert len(opened.list.rows) == 0
    assert not opened.send_bar.button.isEnabled()


def test_all_that_was_sent_is_dismissed_at_once(opened: Browser, qtbot: QtBot) -> None:
    for row in range(3):
        opened.list.table.selectRow(row)
        qtbot.keyClick(opened.list.table, Qt.Key.Key_Return)
    wait_until_sent(opened, qtbot)
    qtbot.waitUntil(lambda: is_in_place(opened.dismiss_all), timeout=PATIENCE_MILLISECONDS)

    qtbot.mouseClick(opened.dismiss_all, LEFT)

    assert [entry.words for entry in opened.outbox.entries] == []
    qtbot.waitUntil(opened.dismiss_all.isHidden, timeout=PATIENCE_MILLISECONDS)


def test_tab_goes_through_the_list_and_leaves_what_is_chosen(opened: Browser, qtbot: QtBot) -> None:
    opened.activateWindow()
    opened.list.table.setFocus()
    qtbot.waitUntil(opened.list.table.hasFocus)

    qtbot.keyClick(opened.list.table, Qt.Key.Key_Tab)

    assert not opened.list.table.hasFocus()
    assert len(opened.list.chosen) == 12


def test_selected_rows_alone_are_sent(opened: Browser, viewers: FakeViewers, qtbot: QtBot) -> None:
    opened.list.table.selectRow(4)
    assert opened.send_bar.button.text() == "Send 1 image to Assay 7 (5555)"

    qtbot.keyClick(opened.list.table, Qt.Key.Key_Return)
    wait_until_sent(opened, qtbot)

    assert sent(viewers) == [("A02", 1, "1")]


def test_a_group_of_the_tree_stands_for_all_its_images(opened: Browser, qtbot: QtBot) -> None:
    opened.list.show_view(1)
    tree = opened.list.tree

    tree.expand(tree.model().index(0, 0))
    tree.setCurrentIndex(tree.model().index(1, 0, tree.model().index(0, 0)))
    one_site = len(opened.list.chosen)
    tree.selectAll()

    assert (one_site, len(opened.list.chosen)) == (2, 12)


def test_the_list_is_sorted_by_a_click_and_sent_as_the_plate_is(
    opened: Browser, viewers: FakeViewers, qtbot: QtBot
) -> None:
    opened.list.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(lambda: opened.list.rows[0] == 2, timeout=PATIENCE_MILLISECONDS)

    opened.send_to(target())
    wait_until_sent(opened, qtbot)

    assert sent(viewers)[0] == ("A01", 1, "1")


def test_pictures_of_what_is_chosen_are_shown(opened: Browser, qtbot: QtBot) -> None:
    opened.plate_map.choose(frozenset({"B01"}))
    wait_for(opened, qtbot, 4)

    qtbot.waitUntil(lambda: opened.thumbnails.store.get(8) is not None, timeout=PATIENCE_MILLISECONDS)


def test_dragged_images_are_sent_where_they_are_dropped(
    opened: Browser, viewers: FakeViewers, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[list[str]] = []

    class Drag:
        """A drag that ends on a row of the viewers' list at once."""

        def __init__(self, source: object) -> None:
            pass

        def setMimeData(self, mime: QMimeData) -> None:  # noqa: N802  # Qt's
            offered.append(mime.formats())

        def exec(self, action: Qt.DropAction) -> None:
            assert [file.well for file in opened.dragged()] == ["A01", "A01"]
            opened.send_to(target(5557))

    monkeypatch.setattr("hcs_stream.manager._browser.QDrag", Drag)
    opened.list.table.selectRow(0)
    opened.list.table.setSelectionMode(opened.list.table.SelectionMode.MultiSelection)
    opened.list.table.selectRow(1)

    opened.list.table.startDrag(Qt.DropAction.CopyAction)
    wait_until_sent(opened, qtbot)

    assert offered == [[MIME]]
    assert len(sent(viewers)) == 2
    assert opened.dragged() == []


def test_the_menu_sends_what_it_was_opened_for_though_another_plate_came_meanwhile(
    opened: Browser, viewers: FakeViewers, tmp_path: Path, qtbot: QtBot
) -> None:
    """The menu's images are those of the plate that was open when it was asked for, by that plate's name."""
    opened.list.table.selectRow(0)
    opened.list.menu_asked.emit(opened.mapToGlobal(opened.rect().center()))
    menu = next(menu for menu in opened.findChildren(QMenu) if menu.isVisible())

    opened.set_folder(write_plate(tmp_path / "Assay 8", ("C05",)))
    wait_for(opened, qtbot, 1)
    send = menu.actions()[0].menu()
    assert send is not None
    send.actions()[0].trigger()
    menu.close()

    wait_until_sent(opened, qtbot)
    assert [each[0] for each in sent(viewers)] == ["A01"]
    assert [entry.plate for entry in opened.outbox.entries] == ["Assay 7"]


def test_the_button_names_the_viewer_that_is_meant(opened: Browser) -> None:
    opened.set_targets([target(5555), target(5557, "Other")])
    opened.set_target(target(5557, "Other"))
    other = opened.send_bar.button.text()
    opened.set_targets([])

    assert other == "Send 12 images to Other (5557)"
    assert not opened.send_bar.button.isEnabled()
    assert "No viewer runs" in opened.send_bar.button.toolTip()


def test_images_of_one_plate_go_to_the_same_layers_and_of_another_to_others(
    opened: Browser, viewers: FakeViewers, qtbot: QtBot, tmp_path: Path
) -> None:
    opened.send_to(target())
    opened.send_to(target())
    wait_until_sent(opened, qtbot)
    opened.set_folder(write_plate(tmp_path / "elsewhere" / "Assay 7", ("C01",)))
    wait_for(opened, qtbot, 1)
    opened.send_to(target())
    wait_until_sent(opened, qtbot)

    one, two, three = (stream.run for stream in viewers.streams)
    assert one == two != three
    assert one.startswith("Assay 7 ")


def test_what_waits_is_shown_and_cancelled_in_the_window(
    opened: Browser, viewers: FakeViewers, qtbot: QtBot
) -> None:
    viewers.absent = {5555}
    opened.send_to(target())
    (entry,) = opened.outbox.entries
    qtbot.waitUntil(lambda: "wait until" in opened.queue.line(entry.ticket).words)

    line = opened.queue.line(entry.ticket)
    qtbot.mouseClick(line.cancel, LEFT)

    qtbot.waitUntil(lambda: line.words == "cancelled, 0 of 12 images sent", timeout=PATIENCE_MILLISECONDS)
    assert line.retry.isVisible()
    qtbot.mouseClick(line.dismiss, LEFT)
    qtbot.waitUntil(lambda: not opened.outbox.entries)


def test_closing_the_window_asks_while_images_wait(
    opened: Browser, viewers: FakeViewers, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(*arguments: object) -> QMessageBox.StandardButton:
        asked.append(str(arguments[2]))
        return QMessageBox.StandardButton.Cancel

    monkeypatch.setattr(QMessageBox, "question", answer)
    viewers.absent = {5555}
    opened.send_to(target())
    event = QCloseEvent()

    opened.closeEvent(event)

    assert not event.isAccepted()
    assert asked == ["12 images wait to be sent. Close the window and send them no more?"]
    assert opened.outbox.waiting == 12


def test_whoever_agrees_to_give_images_up_is_asked_once(
    opened: Browser, viewers: FakeViewers, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([QMessageBox.StandardButton.Discard])
    monkeypatch.setattr(QMessageBox, "question", lambda *_: next(answers))
    viewers.absent = {5555}
    opened.send_to(target())

    assert [opened.may_close(), opened.may_close()] == [True, True]


def test_nothing_is_read_or_listed_in_the_windows_thread(
    browser: Browser, plate: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: dict[str, set[str]] = {}

    def noting(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def noted(*arguments: object, **keywords: object) -> object:
            where.setdefault(name, set()).add(threading.current_thread().name)
            return function(*arguments, **keywords)

        return noted

    for module, name in (
        ("hcs_stream.manager._image_list", "list_images"),
        ("hcs_stream.manager._thumbnail_store", "read_planes"),
        ("hcs_stream.sending._sender", "read_planes"),
    ):
        function = getattr(__import__(module, fromlist=[name]), name)
        monkeypatch.setattr(f"{module}.{name}", noting(f"{module}.{name}", function))

    browser.set_targets([target()])
    browser.set_folder(plate)
    wait_for(browser, qtbot, 12)
    qtbot.waitUntil(lambda: browser.thumbnails.store.get(0) is not None, timeout=PATIENCE_MILLISECONDS)
    browser.send_to(target())
    wait_until_sent(browser, qtbot)

    assert len(where) == 3
    assert all("MainThread" not in names for names in where.values())


def test_planes_of_an_image_of_no_plate_are_listed_and_sent_as_those_of_plates(
    browser: Browser, viewers: FakeViewers, qtbot: QtBot, tmp_path: Path
) -> None:
    browser.set_targets([target()])
    browser.set_folder(write_single_image(tmp_path / "six.zarr"))
    qtbot.waitUntil(lambda: len(browser.list.rows) == 6, timeout=PATIENCE_MILLISECONDS)
    model = browser.list.table_model
    shown = [model.index(4, column).data() for column in range(model.columnCount())]
    browser.list.table.selectRow(4)
    qtbot.waitUntil(lambda: browser.thumbnails.store.get(4) is not None, timeout=PATIENCE_MILLISECONDS)

    browser.send_to(target())
    qtbot.waitUntil(lambda: bool(viewers.streams and viewers.streams[0].sent), timeout=PATIENCE_MILLISECONDS)

    assert shown == ["–", "LaminB1", "1", "six.zarr/0"]
    said = {name: viewers.streams[0].sent[0][name] for name in ("site", "channel", "z_index")}
    assert said == {"site": "six", "channel": "LaminB1", "z_index": 1}
