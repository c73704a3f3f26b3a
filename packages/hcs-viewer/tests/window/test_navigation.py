"""The dock, driven by keyboard; and the line on the canvas."""

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QToolTip

from hcs_protocol import Components, DimensionMode, DisplayConfiguration, Navigate, RunStarted, Step
from hcs_viewer._view import TEXT_PIXELS

BLUR, SEGMENT = Step(index=2, name="gaussian_blur"), Step(index=3, name="segment")

Screen = Any  # of conftest.py, which nobody can import


def plane(value: int = 1, shape: tuple[int, ...] = (8, 8)) -> np.ndarray:
    return np.full(shape, value, np.uint16)


# The line on the canvas.


def test_the_canvas_says_where_one_is_and_what_one_sees(screen: Screen) -> None:
    for site, z_index in ((2, 7), (3, 8)):
        screen.show(plane(), plate="Plate", well="A01", site=site, channel="DAPI", z_index=z_index, step=BLUR)

    assert screen.text == "Plate · A01 · site 2 · DAPI · z 7 · Step_02_gaussian_blur"


def test_the_line_on_the_canvas_covers_no_image(screen: Screen) -> None:
    screen.show(plane(shape=(300, 300)), well="A01")

    camera, height = screen.viewer.scene.camera, screen.viewer.canvas.size[0]
    top = height / 2 + (-0.5 - camera.center[-2]) * camera.zoom
    bottom = height / 2 + (299.5 - camera.center[-2]) * camera.zoom
    assert TEXT_PIXELS <= top < bottom <= height


@pytest.mark.parametrize("letters", [5, 15, 30])
def test_a_long_line_is_written_smaller_rather_than_cut(screen: Screen, letters: int) -> None:
    screen.show(plane(0), well="A01", channel="DAPI", step=Step(index=2, name="W" * letters))

    line = screen.picture()[:TEXT_PIXELS]

    assert screen.text.endswith("W")
    assert line[:, : line.shape[1] // 4].max() > 200
    assert line[:, -4:].max() < 50


def test_the_only_timepoint_is_not_said(screen: Screen) -> None:
    screen.show(plane(), well="A01", timepoint=1)
    assert screen.text == "A01"

    screen.show(plane(), well="A01", timepoint=2)
    assert screen.text == "timepoint 1 · A01"


def test_the_channels_that_are_visible_are_said(screen: Screen) -> None:
    for channel in ("DAPI", "GFP", "Cy5"):
        screen.show(plane(), well="A01", channel=channel, step=BLUR)
    assert screen.text == "A01 · Cy5 + DAPI + GFP · Step_02_gaussian_blur"

    screen.layers["Step_02_gaussian_blur_Channel_DAPI"].visible = False

    assert screen.text == "A01 · Cy5 + GFP · Step_02_gaussian_blur"


def test_the_step_of_the_topmost_visible_layer_is_said(screen: Screen) -> None:
    screen.show(plane(), channel="DAPI", step=BLUR)
    screen.show(plane(), channel="DAPI", step=SEGMENT, kind="labels")
    assert screen.text == "DAPI · Step_03_segment"

    screen.layers[1].visible = False
    assert screen.text == "DAPI · Step_02_gaussian_blur"
    screen.layers.remove(screen.layers[0])
    assert screen.text == ""


def test_a_channel_with_a_slider_is_said_once(screen: Screen) -> None:
    stacked = DisplayConfiguration(channel_mode=DimensionMode.STACK)
    for channel in (1, 2):
        screen.show(plane(), channel=channel, display=stacked)

    assert screen.text == "channel 1"


# Lines of the dock.


def test_an_axis_with_one_value_has_no_line(screen: Screen) -> None:
    screen.show(plane(), well="A01", site=1)
    screen.show(plane(), well="A01", site=2)

    assert screen.dock.box("well").isHidden()
    assert not screen.dock.box("site").isHidden()
    assert screen.dock.label("site").text() == "site 1"


def test_a_well_is_gone_to_by_typing_it(screen: Screen) -> None:
    for well in ("A01", "B03", "C13"):
        screen.show(plane(), well=well)

    for typed in ("B03", "b03", "B3", "b3", " b03"):
        screen.ask(Navigate(id="n", components=Components(well="A01")))
        assert screen.at == {"well": "A01"}
        screen.type(screen.dock.box("well").lineEdit(), typed)

        assert screen.at == {"well": "B03"}, typed
        assert screen.dock.label("well").text() == "B03"
        assert screen.dock.box("well").lineEdit().text() == ""


def test_a_site_is_gone_to_by_typing_it(screen: Screen) -> None:
    for site in (1, 2, 12):
        screen.show(plane(), site=site)

    for typed in ("12", "site 12", "012"):
        screen.ask(Navigate(id="n", components=Components(site=1)))
        assert screen.at == {"site": 1}
        screen.type(screen.dock.box("site").lineEdit(), typed)

        assert screen.at == {"site": 12}, typed


def test_without_wells_the_key_goes_to_the_site_and_not_the_timepoint(screen: Screen) -> None:
    for number in (1, 2):
        screen.show(plane(), timepoint=number, site=number)

    screen.press("J")

    assert screen.dock.window().focusWidget() is screen.dock.box("site")


@pytest.mark.parametrize("is_closed", [False, True])
def test_the_key_brings_back_a_dock_that_was_closed_or_hidden(screen: Screen, is_closed: bool) -> None:
    for well in ("A01", "A02"):
        screen.show(plane(), well=well)
    holder = screen.dock.parentWidget()
    if is_closed:
        holder.destroyOnClose()  # the cross of its title
    else:
        holder.close()
    assert not screen.dock.isVisible()

    screen.press("J")
    screen.qtbot.waitUntil(screen.dock.isVisible)
    screen.type(screen.dock.box("well").lineEdit(), "a2")

    assert screen.at["well"] == "A02"


def test_what_is_nowhere_stays_to_be_mended(screen: Screen) -> None:
    for well in ("A01", "B03"):
        screen.show(plane(), well=well)
    edit = screen.dock.box("well").lineEdit()

    screen.type(edit, "Z9")
    assert (screen.at["well"], edit.text(), edit.selectedText()) == ("A01", "Z9", "Z9")
    assert QToolTip.text() == "no well is like 'Z9'"
    screen.type(edit, "b3")
    assert screen.at["well"] == "B03"


def test_typing_is_not_disturbed_by_wells_that_come(screen: Screen) -> None:
    for well in ("A01", "B03"):
        screen.show(plane(), well=well)
    box = screen.dock.box("well")
    screen.press("J")
    screen.qtbot.keyClicks(box.lineEdit(), "b")

    screen.show(plane(), well="A02")

    assert (box.lineEdit().text(), box.count()) == ("b", 3)
    screen.qtbot.keyClick(box.lineEdit(), Qt.Key.Key_Escape)
    assert box.lineEdit().text() == ""


def test_the_list_shows_all_values_in_order_and_where_one_stands(screen: Screen) -> None:
    for well in ("B03", "A10", "A02"):
        screen.show(plane(), well=well)
    box = screen.dock.box("well")

    assert [box.itemText(row) for row in range(box.count())] == ["A02", "A10", "B03"]
    assert box.currentIndex() == 2
    box.activated.emit(1)
    assert screen.at["well"] == "A10"


def test_wells_that_were_declared_are_listed_before_they_come(screen: Screen) -> None:
    wells = [f"{row}{column:02d}" for row in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for column in range(1, 49)]
    screen.tell(RunStarted(sequence=1, run="r", wells=wells))
    screen.show(plane(), run="r", well="A01")

    screen.type(screen.dock.box("well").lineEdit(), "z48")

    assert screen.dock.box("well").count() == len(wells)
    assert screen.at["well"] == "Z48"


def test_the_dock_is_walked_through_from_top_to_bottom(screen: Screen) -> None:
    for well, site in (("A01", 1), ("A02", 2)):
        screen.show(plane(), well=well, site=site)
    dock, seen = screen.dock, []
    chain = [dock.box("well"), dock.box("site"), dock.follow, dock.side_by_side, dock.link]
    widget = dock.box("well")
    for _ in range(40):
        if widget in chain and widget not in seen:
            seen.append(widget)
        widget = widget.nextInFocusChain()

    assert seen == chain


def test_in_3d_z_has_no_line_in_dock_or_on_canvas(screen: Screen) -> None:
    screen.show(np.ones((3, 8, 8), np.uint16), axes="zyx", well="A01")
    screen.show(np.ones((3, 8, 8), np.uint16), axes="zyx", well="A02")
    assert (screen.text, screen.dock.label("z_index").text()) == ("A01 · z 1", "z 1")

    screen.viewer.dims.ndisplay = 3

    assert screen.text == "A01"
    assert screen.dock.box("z_index").isHidden()
    assert not screen.dock.box("well").isHidden()


# The view.


def test_images_fit_the_canvas_that_sliders_have_made_smaller(screen: Screen) -> None:
    for well in ("A01", "A02"):
        screen.show(plane(shape=(64, 64)), well=well)
    screen.qtbot.waitUntil(lambda: 64 * screen.viewer.scene.camera.zoom < screen.viewer.canvas.size[0])

    screen.viewer.scene.camera.zoom = 3.5
    screen.viewer.window.resize(700, 600)
    screen.qtbot.wait(50)

    assert screen.viewer.scene.camera.zoom == 3.5


def test_a_volume_that_was_turned_stays_so_on_a_canvas_of_another_size(screen: Screen) -> None:
    screen.show(np.ones((3, 64, 64), np.uint16), axes="zyx")
    screen.viewer.dims.ndisplay = 3
    screen.viewer.scene.camera.angles = (0, 35, 55)
    screen.viewer.window.resize(700, 600)
    screen.qtbot.wait(50)

    assert screen.viewer.scene.camera.angles == pytest.approx((0, 35, 55))


# Follow newest.


def arrive(screen: Screen, well: str, *channels: str) -> None:
    for channel in channels:
        screen.show(plane(), run="r", well=well, site=1, channel=channel, z_index=3, step=BLUR)


def test_the_newest_well_is_followed_once_its_channels_are_there(screen: Screen) -> None:
    screen.tell(RunStarted(sequence=1, run="r", channels=["DAPI", "GFP"]))
    arrive(screen, "A01", "DAPI", "GFP")
    screen.press("N")

    arrive(screen, "A02", "DAPI")
    assert screen.at["well"] == "A01"
    arrive(screen, "A02", "GFP")
    assert screen.at["well"] == "A02"


def test_z_stays_when_the_newest_well_is_followed(screen: Screen) -> None:
    for z_index in (1, 2, 3):
        screen.show(plane(), well="A01", z_index=z_index)
    screen.viewer.dims.set_current_step(5, 1)
    screen.press("N")

    for z_index in (1, 2, 3):
        screen.show(plane(), well="A02", z_index=z_index)

    assert screen.at == {"well": "A02", "z_index": 2}


def test_a_hand_on_the_slider_pauses_it_and_a_key_goes_on(screen: Screen) -> None:
    for well in ("A01", "A02"):
        arrive(screen, well, "DAPI")
    screen.press("N")
    assert screen.at["well"] == "A02"

    screen.viewer.dims.set_current_step(2, 0)
    arrive(screen, "A03", "DAPI")
    assert screen.at["well"] == "A01"
    assert "paused" in screen.dock.follow.text()
    screen.press("N")
    assert screen.at["well"] == "A03"
    assert screen.dock.follow.isChecked()


def test_who_asks_for_a_place_pauses_it(screen: Screen) -> None:
    for well in ("A01", "A02"):
        arrive(screen, well, "DAPI")
    screen.dock.follow.click()

    screen.ask(Navigate(id="n", components=Components(well="A01")))

    assert screen.window.follow.is_paused
    assert screen.at["well"] == "A01"


def test_going_to_a_well_by_typing_pauses_it(screen: Screen) -> None:
    for well in ("A01", "A02"):
        arrive(screen, well, "DAPI")
    screen.press("N")

    screen.type(screen.dock.box("well").lineEdit(), "a1")

    assert screen.window.follow.is_paused
    assert not screen.dock.follow.isChecked()


def test_images_that_come_do_not_pause_it(screen: Screen) -> None:
    screen.press("N")
    for well in ("B02", "A01", "C03"):
        arrive(screen, well, "DAPI")

    assert screen.window.follow.is_following
    assert screen.at["well"] == "C03"
