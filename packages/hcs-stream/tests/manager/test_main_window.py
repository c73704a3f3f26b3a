"""The window on viewers that were seen somehow: who is ill is seen, and what helps is at hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, qInstallMessageHandler
from qtpy.QtGui import QColor, QGuiApplication
from qtpy.QtWidgets import QApplication
from seen_window import DARK, FROZEN, GONE, LIGHT, STARTING, WELL, FakeBrowser, SeenWindow, palette

from hcs_stream.manager._condition import Condition, Health, Process
from hcs_stream.manager._remembered import Launched, Remembered, recall
from hcs_stream.manager._styles import inks

LIGHT_GREY, DARK_GREY = 200, 80
CONTRAST = 4.5
"""Of words to their ground, at least: WCAG 2.2, level AA."""


@pytest.fixture
def seen(qtbot: QtBot, connection: Any, dialogs: Any) -> Callable[..., SeenWindow]:
    """Open a window."""
    return lambda **keywords: SeenWindow(qtbot, connection, dialogs, **keywords)


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest, qapp: QApplication) -> Any:
    """Let the system be light or dark."""
    before = qapp.palette()
    qapp.setPalette(palette(DARK if request.param == "dark" else LIGHT))
    yield request.param
    qapp.setPalette(before)


def luminance(colour: QColor) -> float:
    """Return the relative luminance, by WCAG 2.2."""
    parts = [colour.redF(), colour.greenF(), colour.blueF()]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: QColor, other: QColor) -> float:
    """Return the contrast of two colours, by WCAG 2.2."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def is_red(colour: QColor) -> bool:
    """Say whether somebody would call it red."""
    return colour.red() > 1.6 * max(colour.green(), colour.blue())


# Who is ill.


def test_exactly_the_ill_viewers_are_red(seen: Any, theme: str) -> None:
    window = seen()
    lines = [(5555, WELL), (5556, STARTING), (5557, FROZEN), (5558, GONE), (5559, WELL)]
    window.see(*(window.instance(port, how) for port, how in lines))
    window.window.viewer_list.table.clearSelection()

    red = [is_red(window.badge(row)) for row in range(5)]
    tinted = [window.ground(row, 2) != window.ground(0, 2) for row in range(5)]

    assert red == tinted == [False, False, True, True, False]


def test_a_chosen_viewer_that_is_ill_is_red_too(seen: Any, theme: str) -> None:
    window = seen()
    window.see(window.instance(5555, FROZEN), window.instance(5556))

    window.choose(0)

    assert is_red(window.badge(0))


def test_nothing_is_complained_of_when_a_chosen_viewer_is_drawn(seen: Any) -> None:
    window, said = seen(), []
    window.see(window.instance(5555))
    window.choose(0)
    before = qInstallMessageHandler(lambda kind, where, what: said.append(what))

    window.badge(0)

    qInstallMessageHandler(before)
    assert said == []


def test_each_health_has_a_symbol_of_its_own_beside_word_and_colour(seen: Any) -> None:
    window = seen()
    window.see(window.instance(5555), window.instance(5556, STARTING), window.instance(5557, FROZEN))
    model = window.window.viewer_list.model
    icons = [model.index(row, 0).data(Qt.ItemDataRole.DecorationRole) for row in range(3)]
    shapes = [grey_levels(icon) for icon in icons]

    assert [row[0] for row in window.cells] == ["ready", "starting", "frozen"]
    assert len({*shapes}) == 3


def grey_levels(icon: Any) -> bytes:
    """Return an icon's shape without its colours."""
    image = icon.pixmap(32, 32).toImage()
    return bytes(image.pixelColor(x, y).alpha() > 128 for y in range(32) for x in range(32))


def test_words_are_legible(seen: Any, theme: str) -> None:
    window = seen()
    ground = window.window.palette().base().color()
    for health in Health:
        colours = inks(health, window.window.palette())
        row = QColor(colours.row) if colours.row else ground
        assert contrast(QColor(colours.ink), row) >= CONTRAST, health
        assert contrast(QColor(colours.on_ground), QColor(colours.ground)) >= CONTRAST, health


def test_what_is_wrong_is_said_in_words(seen: Any) -> None:
    window = seen()
    window.see(window.instance(5555), window.instance(5557, FROZEN))

    assert [row[-1] for row in window.cells] == ["", FROZEN.problem]
    assert window.window.summary.text() == "2 viewers, 1 ill"


def test_a_change_of_the_systems_colours_is_followed(seen: Any, qapp: QApplication, qtbot: QtBot) -> None:
    before = qapp.palette()
    qapp.setPalette(palette(LIGHT))
    window = seen()
    window.see(window.instance(5557, FROZEN), window.instance(5555))
    window.window.viewer_list.table.clearSelection()
    try:
        assert window.ground(0, 2).lightness() > LIGHT_GREY
        qapp.setPalette(palette(DARK))
        qtbot.waitUntil(lambda: window.ground(0, 2).lightness() < DARK_GREY)
    finally:
        qapp.setPalette(before)


def test_an_empty_list_says_how_to_start_a_viewer(seen: Any) -> None:
    window = seen()
    empty = window.window.viewer_list.empty

    window.see()
    is_taught = empty.isVisible()
    window.see(window.instance())

    assert (is_taught, empty.isVisible()) == (True, False)


# What is done.


def test_what_makes_no_sense_cannot_be_done(seen: Any) -> None:
    window = seen()
    actions = window.window.viewer_actions
    of_one = (actions.quit, actions.kill, actions.dismiss, actions.screenshot)
    remote = window.instance(5558, host="imaging-3", process=Process.ELSEWHERE)
    window.see(window.instance(5555), window.instance(5556, GONE), remote)
    can = {}
    for row, name in enumerate(("well", "gone", "remote")):
        window.choose(row)
        can[name] = [each.isEnabled() for each in of_one]

    assert can == {
        "well": [True, True, False, True],
        "gone": [False, False, True, False],
        "remote": [True, False, False, True],
    }


def test_delete_dismisses_a_viewer_that_is_gone(seen: Any) -> None:
    window = seen()
    dismissed: list[str] = []
    window.instances.dismiss = dismissed.append
    window.see(window.instance(5555), window.instance(5556, GONE))
    window.choose(1)

    window.press(Qt.Key.Key_Delete)

    assert dismissed == ["run-5556"]


def test_delete_asks_a_viewer_to_close(seen: Any) -> None:
    window = seen()
    asked: list[str] = []
    window.instances.close = asked.append
    window.errands.run = lambda call, done: None
    window.see(window.instance(5555), window.instance(5556))
    window.choose(1)

    window.press(Qt.Key.Key_Delete)

    assert asked == ["run-5556"]
    assert window.said == "Asking 'Assay 2' on port 5556 to close…"


def test_shift_delete_asks_once_and_says_which_process_dies(seen: Any, dialogs: Any) -> None:
    window = seen()
    dialogs.yes = False
    ran: list[Any] = []
    window.errands.run = lambda call, done: ran.append(call)
    window.see(window.instance(5555), window.instance(5556))
    window.choose(1)

    window.press(Qt.Key.Key_Delete, Qt.KeyboardModifier.ShiftModifier)

    assert dialogs.questions == ["Kill process 9556, the viewer 'Assay 2' on port 5556?"]
    assert ran == []


def test_a_viewer_that_cannot_be_killed_is_told_of(seen: Any, dialogs: Any, qtbot: QtBot) -> None:
    window = seen()
    window.errands.run = lambda call, done: done(None, RuntimeError("it did not end"))
    window.see(window.instance(5555))
    window.choose(0)

    window.press(Qt.Key.Key_Delete, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: dialogs.told != [])

    assert dialogs.told == ["'Assay 1' was not killed. it did not end"]


def test_a_viewer_that_is_killed_while_it_is_asked_to_close_did_not_say_goodbye(
    seen: Any, dialogs: Any, qtbot: QtBot
) -> None:
    window = seen()
    told: list[Any] = []
    dismissed: list[str] = []
    window.errands.run = lambda call, done: told.append(done)
    window.instances.dismiss = dismissed.append
    window.see(window.instance(5555))
    window.choose(0)
    window.press(Qt.Key.Key_Delete)
    window.press(Qt.Key.Key_Delete, Qt.KeyboardModifier.ShiftModifier)

    for done in told:
        done(None, None)
    window.window.complain("that is all")
    qtbot.waitUntil(lambda: window.said == "that is all")

    assert dismissed == []


def test_a_launch_is_offered_the_next_free_port(seen: Any, dialogs: Any, qtbot: QtBot) -> None:
    window = seen()
    window.see(window.instance(5555), window.instance(5556, GONE))

    window.press(Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: dialogs.offered != [])

    port, taken, kinds, before = dialogs.offered[0]
    assert (port > 5555, taken, "napari" in kinds, before) == (True, {5555}, True, [])
    window.errands.stop(20.0)


def test_a_launch_that_fails_stays_in_the_list_with_its_reason(seen: Any, dialogs: Any, qtbot: QtBot) -> None:
    window = seen()
    dialogs.launched = Launched(title="New", data_port=23_999, command="/no-such-program")

    window.window.viewer_actions.launch.trigger()
    qtbot.waitUntil(lambda: any(each.is_over for each in window.instances.listed()))

    [failed] = window.instances.listed()
    assert (failed.title, failed.condition.word) == ("New", "not started")
    assert "/no-such-program" in failed.condition.problem
    window.errands.stop(20.0)


def test_the_path_of_the_connection_file_is_copied(seen: Any) -> None:
    window = seen()
    window.see(window.instance(5555))
    window.choose(0)

    window.window.viewer_actions.copy_path.trigger()

    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    assert Path(clipboard.text()) == Path("/run/user/1000/viewer-5555.json")


def test_several_viewers_are_asked_to_close_at_once(seen: Any) -> None:
    window = seen()
    asked: list[str] = []
    window.instances.close = asked.append
    window.errands.run = lambda call, done: None
    window.see(*(window.instance(port) for port in (5555, 5556, 5557)))
    window.choose(0, 2)

    window.press(Qt.Key.Key_Delete)

    assert asked == ["run-5555", "run-5557"]


# Choice, and the image browser.


def test_the_browser_hears_where_images_can_go_and_which_viewer_is_chosen(seen: Any) -> None:
    browser = FakeBrowser()
    window = seen(browser=browser)

    window.see(window.instance(5555), window.instance(5556, GONE), window.instance(5557))
    window.choose(2)

    assert [target.data_port for target in browser.targets] == [5555, 5557]
    assert browser.target.data_port == 5557
    window.choose(1)
    assert browser.target is None


def test_images_dropped_on_a_viewer_are_sent_to_it(seen: Any) -> None:
    browser = FakeBrowser()
    window = seen(browser=browser)
    window.see(window.instance(5555), window.instance(5556, GONE))

    window.drop(1)  # which can take none
    window.drop(0)

    assert [target.data_port for target in browser.sent_to] == [5555]


def test_images_that_wait_here_are_counted_with_those_under_way(seen: Any) -> None:
    window = seen(queued=lambda target: 40 if target.data_port == 5555 else 0)

    window.see(window.instance(5555, STARTING, waiting=2), window.instance(5556))

    assert [row[4] for row in window.cells] == ["42", ""]


def test_what_is_chosen_stays_chosen_while_others_come_and_go(seen: Any) -> None:
    window = seen()
    window.see(window.instance(5555), window.instance(5557))
    window.choose(1)

    window.see(window.instance(5555), window.instance(5556), window.instance(5557, FROZEN))

    assert [each.data_port for each in window.window.viewer_list.selected()] == [5557]


def test_twenty_viewers_fit(seen: Any) -> None:
    window = seen()

    window.see(*(window.instance(port) for port in range(5555, 5575)))

    assert len(window.cells) == 20


def test_a_window_with_images_that_wait_is_not_closed_by_mistake(seen: Any) -> None:
    browser = FakeBrowser()
    window = seen(browser=browser)
    browser.is_free = False

    is_closed = window.window.close()
    is_closed_now = (window.window.close_now(), window.window.isVisible())

    assert (is_closed, is_closed_now) == (False, (None, False))


# Remembering.


def test_the_window_is_as_it_was(seen: Any, tmp_path: Path) -> None:
    path = tmp_path / "manager.json"
    first = seen(remembered_path=path)
    first.window.resize(640, 400)
    first.window.viewer_list.table.setColumnWidth(2, 333)
    first.window.close()

    again = seen(remembered=recall(path), remembered_path=path)

    assert (again.window.width(), again.window.height()) == (640, 400)
    assert again.window.viewer_list.table.columnWidth(2) == 333


def test_a_new_window_is_on_the_screen_as_a_whole(seen: Any) -> None:
    window = seen(browser=FakeBrowser()).window

    room = window.screen().availableSize()

    assert (window.width() < room.width(), window.height() < room.height()) == (True, True)


def test_folders_that_were_looked_at_are_offered_again(seen: Any, tmp_path: Path) -> None:
    path = tmp_path / "manager.json"
    first = seen(browser=FakeBrowser(), remembered_path=path)
    first.window.browser.recent_changed.emit(["/data/plate 7", "/data"])
    first.window.close()
    browser = FakeBrowser()

    seen(browser=browser, remembered=recall(path))

    assert browser.recent == ["/data/plate 7", "/data"]


def test_a_broken_memory_is_none(seen: Any) -> None:
    broken = Remembered(geometry="§", splitter=[1, 2, 3], columns=[5])

    window = seen(remembered=broken)

    assert window.window.viewer_list.table.columnWidth(2) > 100


# Errors.


def test_an_error_in_the_window_is_shown_and_the_window_lives_on(seen: Any, qtbot: QtBot) -> None:
    window = seen()

    window.window.complain("Something went wrong: KeyError")
    qtbot.waitUntil(lambda: window.said != "")

    assert window.said == "Something went wrong: KeyError"


def test_a_refusal_to_close_is_in_the_viewers_line(seen: Any) -> None:
    window = seen()
    stays = Condition(Health.WELL, "ready", "it did not say goodbye")

    window.see(msgspec.structs.replace(window.instance(5555), condition=stays))

    assert window.cells[0][-1] == "it did not say goodbye"
