"""Wells are chosen with the mouse and with keys."""

import pytest

pytest.importorskip("PyQt6", reason="the window needs Qt")
pytest.importorskip("pytestqt", reason="the window is tested by pytest-qt")

from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor, QPalette

from hcs_stream.manager._plate_layout import Place
from hcs_stream.manager._plate_map import PlateMap

pytestmark = pytest.mark.window

LEFT = Qt.MouseButton.LeftButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
WELLS = {f"{row}{column:02d}": 4 for row in "ABCDEFGH" for column in range(1, 13)}


@pytest.fixture
def plate(qtbot: QtBot) -> PlateMap:
    """A plate of 96 wells without images in H12."""
    shown = PlateMap()
    shown.set_wells({well: count for well, count in WELLS.items() if well != "H12"})
    shown.resize(500, 340)
    qtbot.addWidget(shown)
    shown.show()
    qtbot.waitExposed(shown)
    return shown


def at(plate: PlateMap, well: str) -> QPoint:
    return plate.rectangle_of(well).center().toPoint()


def drag(qtbot: QtBot, plate: PlateMap, first: QPoint, last: QPoint, **keys: Qt.KeyboardModifier) -> None:
    qtbot.mousePress(plate, LEFT, pos=first, **keys)
    qtbot.mouseMove(plate, last)
    qtbot.mouseRelease(plate, LEFT, pos=last, **keys)


def test_a_click_chooses_a_well_alone(plate: PlateMap, qtbot: QtBot) -> None:
    qtbot.mouseClick(plate, LEFT, pos=at(plate, "A01"))

    with qtbot.waitSignal(plate.chosen_changed) as told:
        qtbot.mouseClick(plate, LEFT, pos=at(plate, "C05"))

    assert told.args == [frozenset({"C05"})]


def test_a_drag_chooses_a_rectangle_and_control_adds_another(plate: PlateMap, qtbot: QtBot) -> None:
    drag(qtbot, plate, at(plate, "B02"), at(plate, "A01"))
    drag(qtbot, plate, at(plate, "H11"), at(plate, "H12"), modifier=CTRL)

    assert plate.chosen == {"A01", "A02", "B01", "B02", "H11"}


def test_control_takes_away_what_is_chosen(plate: PlateMap, qtbot: QtBot) -> None:
    drag(qtbot, plate, at(plate, "A01"), at(plate, "A03"))

    qtbot.mouseClick(plate, LEFT, CTRL, pos=at(plate, "A02"))

    assert plate.chosen == {"A01", "A03"}


def test_letters_and_numbers_choose_rows_and_columns_and_the_corner_all(
    plate: PlateMap, qtbot: QtBot
) -> None:
    left = QPoint(at(plate, "A01").x() - 30, at(plate, "C01").y())
    above = QPoint(at(plate, "A04").x(), at(plate, "A01").y() - 30)

    qtbot.mouseClick(plate, LEFT, pos=left)
    row = plate.chosen
    qtbot.mouseClick(plate, LEFT, pos=above)
    column = plate.chosen
    qtbot.mouseClick(plate, LEFT, pos=QPoint(left.x(), above.y()))

    assert row == {f"C{column:02d}" for column in range(1, 13)}
    assert column == {f"{row}04" for row in "ABCDEFGH"}
    assert len(plate.chosen) == 95


def test_shift_goes_on_from_the_last_one(plate: PlateMap, qtbot: QtBot) -> None:
    qtbot.mouseClick(plate, LEFT, pos=at(plate, "B02"))

    qtbot.mouseClick(plate, LEFT, SHIFT, pos=at(plate, "C03"))

    assert plate.chosen == {"B02", "B03", "C02", "C03"}


def test_a_click_beside_the_plate_chooses_nothing(plate: PlateMap, qtbot: QtBot) -> None:
    qtbot.mouseClick(plate, LEFT, pos=at(plate, "B02"))
    plate.resize(800, 340)

    qtbot.mouseClick(plate, LEFT, pos=QPoint(799, 339))

    assert plate.chosen == frozenset()


def test_keys_do_all_that_the_mouse_does(plate: PlateMap, qtbot: QtBot) -> None:
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Space):
        qtbot.keyClick(plate, key)
    one = plate.chosen
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down):
        qtbot.keyClick(plate, key, SHIFT)
    four = plate.chosen
    qtbot.keyClick(plate, Qt.Key.Key_A, CTRL)
    every = plate.chosen
    qtbot.keyClick(plate, Qt.Key.Key_Escape)

    assert one == {"B02"}
    assert four == {"B02", "B03", "C02", "C03"}
    assert (len(every), len(plate.chosen)) == (95, 0)


def test_the_mouse_is_told_which_well_it_is_on(plate: PlateMap) -> None:
    plate.set_counts({"A01": 1})

    assert plate.words(Place(0, 0)) == "A01: 1 image"
    assert plate.words(Place(0, 1)) == "A02: 0 images"
    assert plate.words(Place(7, 11)) == "H12: no images"
    assert plate.words(Place(-1, 3)) == "Column 4"


@pytest.mark.parametrize("is_dark", [False, True])
def test_wells_with_images_and_chosen_ones_look_different_in_light_and_dark(
    plate: PlateMap, *, is_dark: bool
) -> None:
    palette = QPalette(QColor("#2b2b2b" if is_dark else "#efefef"))
    plate.setPalette(palette)
    plate.choose(frozenset({"A01"}))

    picture = plate.grab().toImage()

    colours = {picture.pixelColor(at(plate, well)).name() for well in ("A01", "A02", "H12")}
    assert len(colours) == 3


def test_wells_of_another_kind_are_not_on_the_map(qtbot: QtBot) -> None:
    plate = PlateMap()
    qtbot.addWidget(plate)

    plate.set_wells({"A01": 2, "field 7": 3})
    plate.choose(frozenset({"A01", "field 7"}))

    assert plate.chosen == {"A01"}
