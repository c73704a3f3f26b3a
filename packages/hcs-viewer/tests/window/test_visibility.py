"""Which layers are seen, which one is selected, and what the camera makes of it."""

from typing import Any

import numpy as np
import pytest

from hcs_protocol import Clear, Components, Navigate, Step

ONE, TWO, THREE = (Step(index=n, name=name) for n, name in enumerate(("one", "two", "three"), 1))

Screen = Any  # of conftest.py, which nobody can import


def plane(value: int = 1, side: int = 20) -> np.ndarray:
    return np.full((side, side), value, np.uint16)


def visible(screen: Screen) -> list[str]:
    return [layer.name for layer in screen.layers if layer.visible]


def go(screen: Screen, **components: str | int) -> None:
    screen.ask(Navigate(id="n", components=Components(**components)))


@pytest.fixture
def steps(screen: Screen) -> Screen:
    """A window that looks at A01, of which alone step two has an image."""
    for well in ("A01", "A02"):
        screen.show(plane(), well=well, step=ONE)
    screen.show(plane(), well="A01", step=TWO)
    return screen


# Steps.


def test_a_step_is_seen_where_no_later_one_has_an_image(steps: Screen) -> None:
    assert visible(steps) == ["Step_02_two"]

    go(steps, well="A02")
    assert visible(steps) == ["Step_01_one"]
    assert steps.text == "A02 · Step_01_one"

    steps.show(plane(), well="A02", step=TWO)
    assert visible(steps) == ["Step_02_two"]


def test_steps_that_the_user_linked_share_their_contrast_and_are_seen_one_at_a_time(steps: Screen) -> None:
    steps.layers.link_layers(list(steps.layers))

    go(steps, well="A02")
    seen = [visible(steps)]
    go(steps, well="A01")
    seen.append(visible(steps))
    steps.layers[0].contrast_limits = (0.5, 1.5)
    go(steps, well="A02")
    seen.append(visible(steps))

    assert seen == [["Step_01_one"], ["Step_02_two"], ["Step_01_one"]]
    assert steps.layers[1].contrast_limits == [0.5, 1.5]


def test_a_step_that_begins_elsewhere_hides_nothing_here(steps: Screen) -> None:
    steps.show(plane(), well="A02", step=THREE)

    assert visible(steps) == ["Step_02_two"]


def test_where_no_step_has_an_image_the_same_layers_stay(steps: Screen) -> None:
    steps.show(plane(), well="A03", step=ONE, kind="labels")

    go(steps, well="A03")

    assert visible(steps) == ["Step_02_two", "Step_01_one [labels]"]


@pytest.mark.parametrize("z_indexes", [(None, 1), (1, None)])
def test_a_projection_is_hidden_beside_its_planes(screen: Screen, z_indexes: tuple[int | None, ...]) -> None:
    for z_index in z_indexes:
        screen.show(plane(), well="A01", z_index=z_index, channel="DAPI")
    screen.show(plane(), well="A01", channel="GFP")
    screen.show(plane(), well="A02", channel="DAPI")

    assert visible(screen) == ["Channel_DAPI", "Channel_GFP"]

    go(screen, well="A02")
    assert "Channel_DAPI_Projection" in visible(screen)


def test_what_the_user_shows_and_hides_stays_so_wherever_the_sliders_go(steps: Screen) -> None:
    steps.layers["Step_01_one"].visible = True
    steps.layers["Step_02_two"].visible = False

    for well in ("A02", "A01"):
        go(steps, well=well)
        assert visible(steps) == ["Step_01_one"]


def test_in_3d_a_step_is_seen_if_any_of_its_planes_is_there(screen: Screen) -> None:
    screen.show(np.ones((3, 20, 20), np.uint16), axes="zyx", well="A01", step=ONE)
    screen.show(plane(), well="A01", z_index=3, step=TWO)
    assert visible(screen) == ["Step_01_one"]

    screen.viewer.dims.ndisplay = 3

    assert visible(screen) == ["Step_02_two"]


@pytest.mark.parametrize("clear", [Clear(id="c", step="two"), Clear(id="c", run="next")])
def test_what_a_layer_hid_is_seen_again_when_it_is_cleared(steps: Screen, clear: Clear) -> None:
    before = visible(steps)
    if clear.run:
        steps.show(plane(), run="next", well="A01", step=ONE)
        assert visible(steps) == ["Step_01_one [run 2]"]

    steps.ask(clear)

    assert visible(steps) == (before if clear.run else ["Step_01_one"])


def test_the_newest_image_that_can_be_seen_is_followed(steps: Screen) -> None:
    steps.press("N")
    steps.show(plane(), well="A03", step=ONE)
    assert (steps.at["well"], visible(steps)) == ("A03", ["Step_01_one"])

    steps.show(plane(), run="next", well="A01", step=ONE)
    steps.show(plane(), well="A02", step=TWO)

    assert (steps.at["well"], visible(steps)) == ("A01", ["Step_01_one [run 2]"])


def test_a_step_that_the_user_hid_is_not_followed(steps: Screen) -> None:
    steps.layers["Step_01_one"].visible = False
    steps.press("N")

    steps.show(plane(), well="A03", step=ONE)

    assert steps.at["well"] == "A01"


# Transmitted light.


def test_transmitted_light_is_hidden_beside_fluorescence_of_its_step(screen: Screen) -> None:
    for channel in ("Brightfield", "DAPI", "Phase Contrast"):
        screen.show(plane(), well="A01", channel=channel, step=ONE)
    assert visible(screen) == ["Step_01_one_Channel_DAPI"]

    screen.show(plane(), well="A01", channel="Brightfield", step=TWO)
    screen.show(plane(), well="A01", channel="Brightfield", step=TWO, kind="labels")
    assert visible(screen) == ["Step_02_two_Channel_Brightfield", "Step_02_two_Channel_Brightfield [labels]"]


def test_transmitted_light_is_seen_alone_beside_images_without_a_channel_and_where_the_user_shows_it(
    screen: Screen,
) -> None:
    for well in ("A01", "A02"):
        screen.show(plane(), well=well, channel="Brightfield")
        screen.show(plane(), well=well)
    screen.show(plane(), well="A02", channel="DAPI")
    assert visible(screen) == ["Image", "Channel_Brightfield", "Channel_DAPI"]

    go(screen, well="A02")
    assert visible(screen) == ["Image", "Channel_DAPI"]
    screen.layers["Channel_Brightfield"].visible = True
    go(screen, well="A01")
    go(screen, well="A02")
    assert "Channel_Brightfield" in visible(screen)


# No image.


def test_the_canvas_says_that_there_is_no_image_and_where_one_is(screen: Screen) -> None:
    for plate, well in (("P1", "A01"), ("P2", "B03")):
        screen.show(plane(), plate=plate, well=well, site=1)

    go(screen, well="B03")
    assert screen.text == "P1 · B03 · site 1 · no image here, but at P2"

    screen.show(plane(), plate="P1", well="B03", site=1)
    assert screen.text == "P1 · B03 · site 1"


def test_a_layer_that_the_user_shows_says_where_its_images_are(screen: Screen) -> None:
    screen.show(plane(), run="r1", well="A01")
    screen.show(plane(), run="r2", well="B03")

    for layer in screen.layers:
        layer.visible = not layer.visible

    assert screen.text == "B03 · no image here, but at A01"


def test_an_image_of_a_pinned_step_is_one(steps: Screen) -> None:
    steps.press("U")
    steps.layers["Step_01_one"].visible = False

    go(steps, well="A02")

    assert "no image" not in steps.text


# What is selected.


def test_the_layer_most_like_the_selected_one_is_selected_when_that_is_hidden(screen: Screen) -> None:
    for run in ("r1", "r2"):
        for channel in ("DAPI", "GFP"):
            screen.show(plane(), run=run, well="A01", channel=channel)
            screen.show(plane(), run=run, well="A01", channel=channel, kind="labels")
        assert screen.layers.selection.active.name.startswith("Channel_DAPI")
        assert screen.layers.selection.active.visible


def test_a_layer_that_is_selected_and_seen_stays_selected(steps: Screen) -> None:
    mine = steps.viewer.add_points([[1, 1]])
    go(steps, well="A02")
    assert steps.layers.selection.active is mine

    steps.layers["Step_01_one"].visible = True
    steps.layers.selection.active = steps.layers["Step_01_one"]
    steps.show(plane(), run="next", well="A02")

    assert steps.layers.selection.active.name == "Step_01_one"


# The camera.


def test_smaller_images_of_the_next_run_fill_the_canvas(screen: Screen) -> None:
    screen.show(plane(side=400), run="r1", well="A01")
    zoom = screen.viewer.scene.camera.zoom

    screen.show(plane(side=100), run="r2", well="A01")

    assert screen.viewer.scene.camera.zoom == pytest.approx(4 * zoom, rel=0.05)


def test_a_camera_that_the_user_moved_stays_where_it_is(screen: Screen) -> None:
    screen.show(plane(side=400), run="r1", well="A01")
    screen.viewer.scene.camera.zoom = 3.0

    screen.show(plane(side=100), run="r2", well="A01")

    assert screen.viewer.scene.camera.zoom == 3.0


def test_a_run_that_began_while_steps_were_side_by_side_fills_the_canvas_afterwards(screen: Screen) -> None:
    screen.show(plane(side=100), run="r1", well="A01")
    zoom = screen.viewer.scene.camera.zoom
    screen.press("G")
    screen.show(plane(side=200), run="r2", well="A01")

    screen.press("G")

    assert visible(screen) == ["Image [run 2]"]
    assert screen.viewer.scene.camera.zoom == pytest.approx(zoom / 2, rel=0.05)
