"""All steps beside each other, and everything back as it was afterwards."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from hcs_protocol import Clear, Components, Navigate, Step

RAW, BLUR, SEGMENT = (Step(index=n, name=name) for n, name in enumerate(("raw", "blur", "segment")))

Screen = Any  # of conftest.py, which nobody can import


def plane(value: int = 1) -> np.ndarray:
    return np.full((20, 30), value, np.uint16)


@pytest.fixture
def steps(screen: Screen) -> Screen:
    """A window with three steps of unequal numbers of layers."""
    for step, channels in ((RAW, ("DAPI", "GFP", "Cy5")), (BLUR, ("DAPI", "GFP"))):
        for channel in channels:
            for well in ("A01", "A02"):
                screen.inbox.put(screen.arrived(plane(), well=well, channel=channel, step=step))
    screen.show(plane(), well="A01", channel="DAPI", step=SEGMENT, kind="labels")
    return screen


def everything(screen: Screen) -> list[object]:
    """Return all that must be the same afterwards."""
    camera = screen.viewer.scene.camera
    layers = [
        (layer.name, layer.visible, tuple(layer.translate), tuple(layer.scale)) for layer in screen.layers
    ]
    return [*layers, tuple(camera.center), camera.zoom, tuple(camera.angles), screen.at, screen.text]


def cells(screen: Screen) -> dict[str, set[tuple[float, ...]]]:
    """Return where the layers of each step lie."""
    found: dict[str, set[tuple[float, ...]]] = {}
    for shown in screen.window.shown.from_bottom():
        found.setdefault(shown.model.key.step.name, set()).add(tuple(shown.layer.translate[-2:]))
    return found


def titles(screen: Screen) -> list[str]:
    return [title for title in screen.layers["Steps"].text.values if title]


def test_each_step_has_a_cell_in_which_all_its_layers_are_seen(steps: Screen) -> None:
    steps.press("G")

    where = cells(steps)
    assert [len(places) for places in where.values()] == [1, 1, 1]
    assert len(set.union(*where.values())) == 3
    assert all(layer.visible for layer in steps.layers)


def test_layers_that_the_user_linked_have_cells_of_their_own(steps: Screen) -> None:
    steps.layers.link_layers([layer for layer in steps.layers if "DAPI" in layer.name])
    before = everything(steps)

    steps.press("G")
    where = cells(steps)
    steps.press("G")

    assert [len(places) for places in where.values()] == [1, 1, 1]
    assert len(set.union(*where.values())) == 3
    assert everything(steps) == before


def test_a_title_stands_above_each_cell(steps: Screen) -> None:
    steps.press("G")

    assert titles(steps) == ["Step_00_raw", "Step_01_blur", "Step_02_segment"]
    corners = sorted(place for places in cells(steps).values() for place in places)
    for title, corner in zip(steps.layers["Steps"].data, corners, strict=False):
        assert title[0] < corner[0]
    assert steps.text == "A01 · Cy5 + DAPI + GFP"


def test_a_long_title_is_cut_in_the_middle(screen: Screen) -> None:
    screen.show(plane(), step=Step(index=2, name="background_subtraction_with_a_rolling_ball"))
    screen.press("G")

    assert titles(screen) == ["Step_02_backgr…_rolling_ball"]


def test_lines_on_the_canvas_have_room_above_the_titles(steps: Screen) -> None:
    steps.press("G")
    with_one_line = steps.layers["Steps"].extent.world[0, 0]

    steps.press("U")

    assert steps.text.count("\n") == 1
    assert steps.layers["Steps"].extent.world[0, 0] < with_one_line


@pytest.mark.parametrize("moved", [False, True])
def test_everything_is_back_afterwards(steps: Screen, moved: bool) -> None:
    steps.layers[0].visible = True
    steps.layers[1].translate = (0, 0, 0, 0, 0, 0, 3, 4)
    if moved:
        steps.viewer.scene.camera.zoom = 7.5
        steps.viewer.scene.camera.center = (0, 3, 5)
    selected = set(steps.layers.selection)
    before = everything(steps)

    for _ in range(2):
        steps.dock.side_by_side.click()

    assert everything(steps) == before
    assert set(steps.layers.selection) == selected


def test_none_of_it_counts_as_the_users_wish(steps: Screen) -> None:
    for _ in range(2):
        steps.press("G")

    steps.show(plane(), well="A01", channel="DAPI", step=Step(index=7, name="late"))

    visible = [layer.name for layer in steps.layers if layer.visible]
    assert visible == ["Step_07_late_Channel_DAPI", "Step_02_segment_Channel_DAPI"]


def test_a_step_that_comes_meanwhile_takes_its_place(steps: Screen) -> None:
    late = Step(index=7, name="late")
    steps.press("G")

    for channel in ("DAPI", "GFP"):
        steps.show(plane(), well="A01", channel=channel, step=late)

    assert len(set.union(*cells(steps).values())) == 4
    assert all(layer.visible for layer in steps.layers)
    assert titles(steps)[-1] == "Step_07_late"
    steps.press("G")
    hidden = {layer.name for layer in steps.layers if not layer.visible}
    assert hidden == {f"Step_00_raw_Channel_{c}" for c in ("DAPI", "GFP", "Cy5")} | {
        f"Step_01_blur_Channel_{c}" for c in ("DAPI", "GFP")
    }
    assert {tuple(layer.translate[-2:]) for layer in steps.layers} == {(0.0, 0.0)}


def test_a_run_that_begins_meanwhile_takes_the_place_of_the_one_before(steps: Screen) -> None:
    steps.press("G")

    for step in (RAW, BLUR):
        steps.show(plane(), run="next", well="A01", channel="DAPI", step=step)

    ours = steps.window.shown.from_bottom()
    assert {shown.model.run for shown in ours if shown.layer.visible} == {"next"}
    assert titles(steps) == ["Step_00_raw", "Step_01_blur"]


def test_what_the_user_hides_meanwhile_stays_hidden(steps: Screen) -> None:
    steps.press("G")
    steps.layers[0].visible = False

    steps.show(plane(), well="A01", channel="new", step=BLUR)
    assert not steps.layers[0].visible
    steps.press("G")
    assert not steps.layers[0].visible


def test_what_somebody_asks_to_see_meanwhile_is_seen(steps: Screen) -> None:
    steps.press("G")

    steps.ask(Navigate(id="n", components=Components(well="A02"), visible_layers=[steps.layers[0].name]))

    visible = [layer.name for layer in steps.layers if layer.visible]
    assert visible == [steps.layers[0].name, "Steps"]


def test_images_that_arrive_meanwhile_move_neither_cells_nor_camera(steps: Screen) -> None:
    steps.press("G")
    steps.viewer.scene.camera.zoom = 3.25
    where, layer = cells(steps), steps.layers["Steps"]

    for site in (1, 2, 3):
        steps.show(plane(), well="A01", channel="DAPI", site=site, step=RAW)

    assert cells(steps) == where
    assert steps.viewer.scene.camera.zoom == 3.25
    assert steps.layers["Steps"] is layer


def test_a_layer_that_the_user_makes_his_own_meanwhile_is_put_back_as_well(steps: Screen) -> None:
    own = steps.layers[-1]
    before = tuple(own.translate)
    steps.press("G")
    there = tuple(own.translate)

    own.data = own.data.astype("int32")  # napari's "Convert data type"
    steps.show(plane(), well="A02", channel="DAPI", step=SEGMENT, kind="labels")
    stayed = tuple(own.translate)
    steps.press("G")

    assert there == stayed != before
    assert tuple(own.translate) == before


def test_larger_images_make_larger_cells(screen: Screen) -> None:
    for step in (RAW, BLUR):
        screen.show(plane(), well="A01", step=step)
    screen.press("G")

    screen.show(np.ones((200, 300), np.uint16), step=SEGMENT, well="A01")

    corners = sorted(place for places in cells(screen).values() for place in places)
    for (y, x), (below, beside) in pairwise(corners):
        assert below - y >= 200 or beside - x >= 300


def test_a_deleted_layer_or_title_does_no_harm(steps: Screen) -> None:
    steps.press("G")
    steps.layers.remove(steps.layers["Steps"])
    steps.layers.remove(steps.layers[0])

    steps.show(plane(), well="A01", channel="DAPI", step=Step(index=7, name="late"))
    steps.press("G")

    assert {tuple(layer.translate[-2:]) for layer in steps.layers} == {(0.0, 0.0)}


def test_cleared_meanwhile_the_window_begins_anew(steps: Screen) -> None:
    steps.press("G")
    steps.ask(Clear(id="c"))
    assert len(steps.layers) == 0

    for step in (RAW, BLUR):
        steps.show(plane(), well="B03", channel="DAPI", step=step)

    assert len(set.union(*cells(steps).values())) == 2
    steps.press("G")
    assert {tuple(layer.translate[-2:]) for layer in steps.layers} == {(0.0, 0.0)}


def test_turned_on_before_the_first_image_it_begins_with_it(screen: Screen) -> None:
    screen.press("G")

    screen.show(plane(), well="A01", channel="DAPI")

    assert titles(screen) == ["Images"]
    screen.press("G")
    assert screen.viewer.scene.camera.zoom > 5


def test_to_turn_it_on_and_off_does_not_pause_what_is_followed(screen: Screen) -> None:
    screen.press("N")
    for step in (RAW, BLUR):
        screen.show(plane(), well="A01", step=step)

    screen.press("G")
    assert screen.window.follow.is_following
    for step in (RAW, BLUR):
        screen.show(plane(), well="A02", step=step)
    assert screen.at["well"] == "A02"

    screen.press("G")
    assert screen.window.follow.is_following


def test_a_layer_that_was_added_in_part_is_put_back_too(
    steps: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps.press("G")
    with monkeypatch.context() as patch:
        patch.setattr(steps.window.pins, "add", None)
        steps.show(plane(), well="A01", channel="Cy5", step=BLUR)

    steps.press("G")

    assert len(set.union(*cells(steps).values())) == 1


def test_layers_that_were_cleared_keep_no_images(steps: Screen) -> None:
    steps.window.side_by_side.turn_on()
    for run in ("r1", "r2", "r3"):
        steps.show(plane(), well="A01", step=BLUR, run=run)
        steps.answer_to(Clear(id="c"))

    before = steps.window.side_by_side._before

    assert not before.translate
    assert not before.visible
    steps.window.side_by_side.turn_off()
