"""A step that is unlinked stays where it is while the sliders move the others."""

from typing import Any

import numpy as np

from hcs_protocol import Components, GetImage, ImagePixels, Step

ONE, TWO = Step(index=1, name="one"), Step(index=2, name="two")

Screen = Any  # of conftest.py, which nobody can import


def plane(value: int) -> np.ndarray:
    return np.full((8, 8), value, np.uint16)


def two_steps(screen: Screen) -> None:
    """Lay out two steps at two wells; a value is a step's and a well's number."""
    for step in (ONE, TWO):
        for number, well in enumerate(("A01", "A02"), 1):
            screen.show(plane(10 * step.index + number), well=well, step=step, channel="DAPI")


def seen(screen: Screen) -> list[int]:
    """Return the grey values that napari draws, from bottom to top."""
    for layer in screen.layers:
        layer.visible = True
    corner = (*screen.viewer.dims.point[:6], 0, 0)
    return [int(layer.get_value(corner, world=True)) for layer in screen.layers]


def select(screen: Screen, place: int) -> None:
    screen.layers.selection.active = screen.layers[place]


def test_an_unlinked_step_stays_while_the_other_moves(screen: Screen) -> None:
    two_steps(screen)
    select(screen, 0)
    screen.press("U")

    screen.viewer.dims.set_current_step(2, 1)

    assert seen(screen) == [11, 22]
    assert not screen.dock.link.isChecked()


def test_linked_again_it_is_where_the_sliders_are(screen: Screen) -> None:
    two_steps(screen)
    select(screen, 0)
    screen.press("U")
    screen.viewer.dims.set_current_step(2, 1)

    screen.press("U")

    assert seen(screen) == [12, 22]


def test_the_canvas_says_where_a_step_is_pinned(screen: Screen) -> None:
    two_steps(screen)
    screen.layers[0].visible = True
    select(screen, 0)
    screen.dock.link.click()

    screen.viewer.dims.set_current_step(2, 1)

    assert screen.text == "A02 · DAPI · Step_02_two\npinned: A01 · DAPI · Step_01_one"


def test_the_check_box_speaks_of_the_selected_step(screen: Screen) -> None:
    two_steps(screen)
    for place, words in ((0, "Link Step_01_one  [U]"), (1, "Link Step_02_two  [U]")):
        select(screen, place)
        assert screen.dock.link.text() == words


def test_a_pinned_step_stays_with_its_well_when_wells_come_before_it(screen: Screen) -> None:
    two_steps(screen)
    select(screen, 0)
    screen.dock.link.click()

    for step in (ONE, TWO):
        screen.show(plane(10 * step.index), well="A00", step=step, channel="DAPI")
    screen.viewer.dims.set_current_step(2, 2)

    assert seen(screen) == [11, 22]


def test_a_new_layer_of_a_pinned_step_is_pinned_too(screen: Screen) -> None:
    two_steps(screen)
    select(screen, 0)
    screen.dock.link.click()
    screen.viewer.dims.set_current_step(2, 1)

    screen.show(plane(31), well="A01", step=ONE, channel="GFP")

    assert seen(screen) == [11, 31, 22]


def test_an_image_that_arrives_where_a_step_is_pinned_is_drawn(screen: Screen) -> None:
    two_steps(screen)
    select(screen, 0)
    screen.layers[0].visible = True
    screen.dock.link.click()
    screen.viewer.dims.set_current_step(2, 1)

    screen.show(plane(99), well="A01", step=ONE, channel="DAPI")

    assert seen(screen) == [99, 22]


def test_in_3d_a_pinned_step_shows_its_whole_volume(screen: Screen) -> None:
    for well in ("A01", "A02"):
        screen.show(
            np.arange(1, 4, dtype=np.uint16)[:, None, None] * np.ones((3, 8, 8), np.uint16),
            axes="zyx",
            well=well,
        )
    screen.press("U")

    screen.viewer.dims.ndisplay = 3

    assert np.asarray(screen.layers[0].data[0, 0, 1, 0, 0, :, 0, 0]).tolist() == [1, 2, 3]
    screen.viewer.dims.ndisplay = 2
    assert screen.window.layout.layers[0].pinned["z_index"] == 1


def test_an_image_that_is_asked_for_is_that_of_the_place_asked_for(screen: Screen) -> None:
    two_steps(screen)
    select(screen, 1)
    screen.press("U")
    layer = screen.layers[1].name

    for asked in (Components(), Components(well="A02")):
        assert isinstance(screen.answer_to(GetImage(id="g", layer=layer, components=asked)), ImagePixels)
