"""A real napari window on a virtual screen, fed through its inbox, asked through it as well."""

import copy
import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import napari
import numpy as np
import numpy.typing as npt
import pytest
from napari.layers import Layer
from napari.layers.utils.stack_utils import stack_to_images
from PIL import Image as PngImage
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QOpenGLContext
from qtpy.QtWidgets import QApplication, QOpenGLWidget
from shown import PATIENCE_MILLISECONDS, Shown, plane, ramp
from vispy.gloo.glir import GlirProgram

from hcs_protocol import (
    DTYPES,
    Clear,
    Components,
    DisplayConfiguration,
    Done,
    Failed,
    GetImage,
    ImagePixels,
    ImageSpec,
    Navigate,
    RunEnded,
    RunStarted,
    Screenshot,
    ScreenshotTaken,
    Step,
    StepProgress,
    VariableSizeHandling,
)
from hcs_viewer._inbox import ImagesBack
from hcs_viewer._layers import ShownLayer
from hcs_viewer._pace import Pace
from hcs_viewer._spilled import SpillFolder
from hcs_viewer._store import Store

BLUR, SEGMENT = Step(index=1, name="blur"), Step(index=2, name="segment")
PADDED = DisplayConfiguration(variable_size_handling=VariableSizeHandling.PAD_TO_MAX)

Array = npt.NDArray[np.generic]
InAThread = Callable[[Callable[[], None]], threading.Thread]


class PaintFilter(QObject):
    """Notes when a canvas is painted."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  # Qt's name
        if event.type() == QEvent.Type.Paint and "Canvas" in type(watched).__name__:
            self.painted.append(type(watched).__name__)
        return False


@pytest.fixture
def canvas_paints(shown: Shown, qapp: QApplication) -> Iterator[list[str]]:
    """One entry for each time that the canvas was painted."""
    paints = PaintFilter()
    qapp.installEventFilter(paints)
    yield paints.painted
    qapp.removeEventFilter(paints)


# Layers.


def test_images_appear_in_a_layer_per_channel(shown: Shown) -> None:
    for well in ("A01", "A02"):
        for channel in ("DAPI", "GFP"):
            shown.show(ramp(), step=BLUR, well=well, channel=channel)

    assert [layer.name for layer in shown.layers] == ["Step_01_blur_Channel_DAPI", "Step_01_blur_Channel_GFP"]
    assert [layer.colormap.name for layer in shown.layers] == ["bop blue", "green"]
    assert {layer.data.shape for layer in shown.layers} == {(1, 1, 2, 1, 1, 1, 32, 48)}


def test_what_arrives_from_another_thread_is_shown(shown: Shown, in_a_thread: InAThread) -> None:
    images = [shown.arrived(plane(site), site=site) for site in range(1, 101)]

    in_a_thread(lambda: [shown.inbox.put(image) for image in images])
    shown.wait_for_shown(100)

    assert shown.layers[0].data.shape[3] == 100


def test_what_arrived_before_the_window_listened_is_shown(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot
) -> None:
    shown = Shown(make_napari_viewer(), qtbot)
    shown.inbox.wake_by(lambda: None)
    shown.inbox.put(shown.arrived(ramp()))

    shown.window.listen()
    shown.wait_for_shown(1)

    assert len(shown.layers) == 1
    shown.window.stop_listening()


def test_every_dtype_is_drawn(shown: Shown) -> None:
    for dtype in DTYPES:
        shown.show((ramp(2) % 2).astype(dtype), channel=dtype)

    assert isinstance(shown.answer_to(Screenshot(id="s")), ScreenshotTaken)
    assert [layer.contrast_limits for layer in shown.layers] == [[0, 1]] * len(DTYPES)


def test_labels_of_every_dtype_are_labels_layers_that_nobody_paints_on(shown: Shown) -> None:
    dtypes = [dtype for dtype in DTYPES if not dtype.startswith("float")]
    for dtype in dtypes:
        shown.show((ramp(2) % 2).astype(dtype), kind="labels", channel=dtype)

    assert isinstance(shown.answer_to(Screenshot(id="s")), ScreenshotTaken)
    assert [type(layer) for layer in shown.layers] == [napari.layers.Labels] * len(dtypes)
    assert not any(layer.editable for layer in shown.layers)


def test_colour_images_are_an_rgb_layer(shown: Shown) -> None:
    kinds = [(3, "uint8"), (4, "uint8"), (3, "uint16"), (3, "float32")]
    for colours, dtype in kinds:
        for well in ("A01", "A02"):
            shown.show(plane(1, (8, 9, colours), dtype), axes="yxc", channel=f"{dtype}{colours}", well=well)

    assert isinstance(shown.answer_to(Screenshot(id="s")), ScreenshotTaken)
    assert all(layer.rgb for layer in shown.layers)
    assert sorted(layer.data.shape[-1] for layer in shown.layers) == [3, 3, 3, 4]


@pytest.mark.parametrize(
    ("dtype", "brightest", "limits"),
    [
        ("float32", 0.2, [0, 1]),
        ("float32", 255, [0, 256]),
        ("uint16", 4000, [0, 3968]),
        ("uint8", 9, [0, 255]),
    ],
)
def test_colours_keep_their_hue_and_the_first_image_does_not_decide_how_bright_others_are(
    shown: Shown, dtype: str, brightest: float, limits: list[float]
) -> None:
    colours = np.stack([ramp(0), ramp(500), ramp(1000)], axis=-1) * (brightest / 1000)
    for well, part in (("A01", 0.1), ("A02", 1.0)):
        shown.show((part * colours).astype(dtype), axes="yxc", well=well)

    assert shown.layers[0].contrast_limits == limits
    assert shown.layers[0].contrast_limits_range[1] >= limits[1]


def test_colours_that_are_truth_values_are_seen(shown: Shown) -> None:
    shown.show(plane(1, (8, 9, 3), "bool"), axes="yxc")

    assert shown.viewer.screenshot(flash=False)[..., :3].max() == 255
    assert shown.layers[0].contrast_limits == [0, 1]


def test_layers_lie_above_those_that_the_user_had_and_below_those_added_since(shown: Shown) -> None:
    shown.viewer.add_image(np.zeros((8, 8)), name="before")
    shown.show(plane(1), step=SEGMENT)
    shown.viewer.add_points([[1, 1]], name="since")

    shown.show(plane(1), step=BLUR)
    shown.show(plane(1), step=Step(index=3, name="measure"))

    names = ["before", "Step_01_blur", "Step_02_segment", "Step_03_measure", "since"]
    assert [layer.name for layer in shown.layers] == names


def test_labels_lie_above_images_and_later_steps_above_earlier_ones(shown: Shown) -> None:
    shown.show(plane(1), step=SEGMENT, kind="labels")
    shown.show(ramp(), step=SEGMENT)
    shown.show(ramp(), step=BLUR)

    names = ["Step_01_blur", "Step_02_segment", "Step_02_segment [labels]"]
    assert [layer.name for layer in shown.layers] == names


def test_later_steps_hide_earlier_images(shown: Shown) -> None:
    for step in (SEGMENT, BLUR, Step(index=3, name="measure")):
        shown.show(ramp(), step=step)

    assert {layer.name: layer.visible for layer in shown.layers} == {
        "Step_01_blur": False,
        "Step_02_segment": False,
        "Step_03_measure": True,
    }


def test_labels_do_not_hide_the_images_below_them(shown: Shown) -> None:
    shown.show(ramp(), step=BLUR)
    shown.show(plane(1), step=SEGMENT, kind="labels")

    assert [layer.visible for layer in shown.layers] == [True, True]


def test_a_layer_is_never_removed_and_added_again(shown: Shown) -> None:
    removed: list[object] = []
    shown.layers.events.removed.connect(removed.append)
    for site in (2, 1, 3):
        shown.show(ramp(site), site=site)
        shown.show(ramp(site), site=site, z_index=1)

    assert not removed
    assert [layer.name for layer in shown.layers] == ["Projection", "Image"]


def test_a_padded_layer_grows_with_its_largest_image(shown: Shown) -> None:
    shown.show(plane(1, (20, 20)), display=PADDED, site=1)
    shown.show(plane(1, (30, 40)), display=PADDED, site=1)

    assert shown.layers[0].extent.data[1].tolist()[-2:] == [29, 39]


def test_a_run_expects_its_wells(shown: Shown) -> None:
    shown.inbox.put(RunStarted(sequence=1, run="r", wells=["A01", "A02", "A03"]))

    shown.show(ramp(), run="r", well="A02")

    assert shown.viewer.dims.nsteps[2] == 3
    assert shown.viewer.dims.current_step[2] == 1


# What is looked at.


def test_an_image_that_is_not_looked_at_reads_no_pixels(shown: Shown) -> None:
    shown.inbox.put(RunStarted(sequence=1, run="r", sites=[1, 2, 3]))
    shown.show(ramp(), run="r", site=1)
    shown.store.looked_at.clear()

    shown.show(ramp(), run="r", site=2)

    assert shown.store.looked_at == []


def test_a_new_site_makes_nobody_read_the_others(shown: Shown) -> None:
    for site in (1, 2, 3):
        shown.show(ramp(), site=site)
    shown.store.looked_at.clear()

    shown.show(ramp(), site=4)

    assert set(shown.store.looked_at) <= {1}


def test_a_hidden_layer_hears_that_it_has_grown_when_it_is_shown(shown: Shown) -> None:
    shown.show(plane(1), step=BLUR, well="A01")
    shown.show(plane(2), step=SEGMENT, well="A01")
    hidden = shown.layers["Step_01_blur"]
    told: list[object] = []
    hidden.events.data.connect(told.append)

    shown.show(plane(3), step=SEGMENT, well="A02")

    assert not told
    hidden.visible = True
    assert len(told) == 1
    assert hidden.extent.data[1][2] == 1
    assert shown.viewer.dims.range[2].stop == 1


def test_a_burst_is_drawn_as_one_refresh(shown: Shown) -> None:
    shown.window.frames.pace = Pace(shown.clock)  # whose time stands still
    shown.show(plane(1), site=1)
    refreshes: list[object] = []
    shown.layers["Image"].events.set_data.connect(refreshes.append)

    for value in range(1000):
        shown.inbox.put(shown.arrived(plane(value), site=1))
    shown.wait_for_shown(1001)

    assert len(refreshes) == 1
    assert (shown.looked_at() == 999).all()


def test_an_image_at_an_idle_window_is_drawn_without_waiting(shown: Shown) -> None:
    shown.inbox.put(shown.arrived(plane(7)))  # rings on this thread: what waits for nothing is done by now

    assert (shown.layers["Image"].data[0, 0, 0, 0, 0, 0] == 7).all()


def test_an_image_that_comes_after_a_frame_that_took_long_is_shown(shown: Shown) -> None:
    shown.window.frames.pace = Pace(time.perf_counter, budget_seconds=0.0)

    shown.show(plane(7), well="A01")
    shown.show(plane(8), well="A02")

    assert shown.layers["Image"].data.shape[2] == 2


def test_images_that_come_while_a_frame_is_painted_wait_for_the_next(shown: Shown) -> None:
    shown.inbox.put(shown.arrived(plane(7), well="A01"))

    shown.inbox.put(shown.arrived(plane(8), well="A02"))

    assert shown.layers["Image"].data.shape[2] == 1
    shown.wait_for_shown(2)
    assert shown.layers["Image"].data.shape[2] == 2


def test_an_image_that_is_looked_at_is_drawn_anew(shown: Shown) -> None:
    shown.show(ramp(), site=1)

    shown.show(ramp(), site=1)

    assert shown.store.looked_at[-1] == 2
    assert len(shown.store) == 1


def test_a_volume_is_drawn_anew_at_whichever_plane_is_looked_at(shown: Shown) -> None:
    volume = np.stack([ramp(), ramp(), ramp()])
    shown.show(volume, axes="zyx")
    shown.answer_to(Navigate(id="n", components=Components(z_index=3)))

    shown.show(volume + 1, axes="zyx")

    assert shown.store.looked_at[-1] == 2


def test_a_plane_that_is_part_of_a_projection_is_drawn(shown: Shown) -> None:
    for z in (1, 2, 3):
        shown.show(plane(z), z_index=z)
    layer = shown.layers[0]
    layer.projection_mode = "max"
    shown.viewer.dims.thickness = [0.0] * 5 + [2.0, 0.0, 0.0]
    shown.answer_to(Navigate(id="n", components=Components(z_index=2)))

    drawn = [np.asarray(layer._slice.image.raw).max()]
    shown.show(plane(70), z_index=3)
    drawn.append(np.asarray(layer._slice.image.raw).max())

    assert drawn == [3, 70]


def test_in_3d_all_of_a_volume_is_looked_at(shown: Shown) -> None:
    shown.show(np.stack([ramp(), ramp()]), axes="zyx")
    shown.viewer.dims.ndisplay = 3

    shown.show(ramp(5), z_index=2)

    assert shown.store.looked_at[-1] == 2


def test_the_first_image_is_the_one_that_is_looked_at(shown: Shown) -> None:
    shown.inbox.put(RunStarted(sequence=1, run="r", sites=[1, 2, 3]))

    shown.show(plane(7), run="r", site=2)

    assert shown.looked_at()[0, 0] == 7


def test_growing_an_axis_in_the_middle_keeps_the_image_looked_at(shown: Shown) -> None:
    for well in ("A01", "C01"):
        shown.show(plane(ord(well[0])), well=well)
    shown.answer_to(Navigate(id="n", components=Components(well="C01")))

    shown.show(plane(ord("B")), well="B01")

    assert shown.viewer.dims.current_step[2] == 2
    assert shown.looked_at()[0, 0] == ord("C")
    assert shown.window.sliders.at["well"] == "C01"


def test_planes_that_come_downwards_do_not_move_the_slider_away(shown: Shown) -> None:
    shown.show(plane(1))

    for z_index in (5, 4, 3):
        shown.show(plane(z_index), z_index=z_index)

    assert shown.state().position["z_index"] == 5


def test_a_run_that_begins_is_looked_at_where_it_has_images(shown: Shown) -> None:
    shown.show(plane(1), run="r1", well="A01")
    shown.show(plane(2), run="r2", well="B03", site=2)

    assert shown.state().position["well"] == "B03"
    assert np.array_equal(shown.looked_at("Image [run 2]"), plane(2))


def test_a_run_that_expects_the_well_that_is_looked_at_moves_nothing(shown: Shown) -> None:
    shown.show(plane(1), run="r1", well="B03")
    shown.inbox.put(RunStarted(sequence=1, run="r2", wells=["A01", "B03"]))
    shown.show(plane(2), run="r2", well="A01")

    assert shown.state().position["well"] == "B03"


def test_an_image_of_another_size_is_seen_at_its_well_alone(shown: Shown) -> None:
    shown.show(plane(1), well="A01")
    shown.show(plane(2, (64, 20)), well="A02")

    assert isinstance(shown.answer_to(GetImage(id="g", layer="Well_A02")), Failed)
    shown.answer_to(Navigate(id="n", components=Components(well="A02")))
    assert np.array_equal(shown.looked_at("Well_A02"), plane(2, (64, 20)))


def test_larger_images_come_into_view_unless_the_camera_was_moved(shown: Shown) -> None:
    shown.show(plane(1), run="r1")
    near = shown.viewer.scene.camera.zoom
    shown.show(plane(2, (320, 480)), run="r2")
    far = shown.viewer.scene.camera.zoom
    shown.viewer.scene.camera.zoom = 7
    shown.show(plane(3, (640, 960)), run="r3")

    assert far < near
    assert shown.viewer.scene.camera.zoom == 7


def test_an_image_that_napari_cannot_draw_stops_no_other(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = ShownLayer.add_to

    def refuse(layer: ShownLayer, *arguments: object) -> None:
        if "bad" in layer.model.name:
            raise OverflowError("too far")
        draw(layer, *arguments)

    monkeypatch.setattr(ShownLayer, "add_to", refuse)
    for _ in range(2):
        shown.inbox.put(shown.arrived(plane(1), channel="bad"))
    shown.show(plane(2), channel="good")

    assert [layer.name for layer in shown.state().layers] == ["Channel_good"]
    assert shown.answer_to(Clear(id="c")) == Done(reply_to="c")


def test_a_slider_that_the_user_moved_stays_with_its_value(shown: Shown) -> None:
    for site in (2, 3):
        shown.show(plane(site), site=site)
    shown.viewer.dims.set_current_step(3, 1)

    shown.show(plane(1), site=1)

    assert shown.looked_at()[0, 0] == 3


@pytest.mark.parametrize("own", ["a volume with other steps", "points that begin elsewhere"])
def test_our_sliders_stand_right_beside_layers_of_the_users_own(shown: Shown, own: str) -> None:
    if own == "a volume with other steps":
        shown.viewer.add_image(np.zeros((10, 32, 48), np.uint8), scale=(0.5, 1, 1), name="mine")
    else:
        shown.viewer.add_points([[-3, 1, 1], [4, 2, 2]])
    for z in range(1, 6):
        shown.show(plane(z), z_index=z)

    shown.answer_to(Navigate(id="n", components=Components(z_index=5)))

    assert shown.looked_at("Image")[0, 0] == 5
    shown.viewer.dims.set_point(5, 2.0)  # as its user's hand does
    assert shown.state().position["z_index"] == 3


def test_a_layer_of_the_users_own_that_has_more_axes_moves_no_slider_of_ours_away(shown: Shown) -> None:
    for z in range(1, 6):
        shown.show(plane(z), z_index=z)
    shown.viewer.add_image(np.zeros((2, *[1] * 6, 32, 48), np.uint8), name="mine")

    shown.answer_to(Navigate(id="n", components=Components(z_index=5)))
    assert shown.looked_at("Image")[0, 0] == 5
    assert shown.viewer.dims.axis_labels[-3:] == ("z_index", "y", "x")

    shown.viewer.dims.set_point(6, 2.0)  # as its user's hand does
    assert shown.state().position["z_index"] == 3
    shown.show(plane(6), z_index=6)
    assert shown.looked_at("Image")[0, 0] == 3


def test_points_of_the_users_own_stay_at_their_well_when_wells_come_that_lie_before_it(shown: Shown) -> None:
    for well in ("A02", "A04"):
        shown.show(plane(int(well[1:])), well=well)
    shown.viewer.dims.set_current_step(2, 1)
    points = shown.viewer.add_points([[0, 0, 1, 0, 0, 0, 5, 5]], scale=[1] * 8)

    for well in ("A03", "A01", "A05"):
        shown.show(plane(int(well[1:])), well=well)

    here = tuple(int(place) for place in points.data[0][:6])
    assert shown.layers["Image"].data[here].max() == 4
    assert shown.window.sliders.at["well"] == "A04"
    assert shown.viewer.dims.current_step[2] == here[2]
    assert list(shown.state().axes["well"]) == ["A02", "A04", "A03", "A01", "A05"]


def test_wells_are_sorted_again_once_the_users_own_points_are_gone(shown: Shown) -> None:
    shown.show(plane(4), well="A04")
    points = shown.viewer.add_points([[0, 0, 0, 0, 0, 0, 5, 5]])
    shown.show(plane(3), well="A03")
    shown.layers.remove(points)
    shown.show(plane(2), well="A02")

    assert list(shown.state().axes["well"]) == ["A02", "A03", "A04"]
    assert shown.window.sliders.at["well"] == "A04"
    assert shown.looked_at().max() == 4


def test_our_sliders_stand_right_beside_a_hidden_layer_that_knew_no_z_step(shown: Shown) -> None:
    for step, z_step in ((BLUR, None), (SEGMENT, 2.0)):
        for z in range(1, 6):
            shown.show(plane(10 * z), step=step, z_index=z, z_step=z_step)

    shown.answer_to(Navigate(id="n", components=Components(z_index=5)))

    assert shown.looked_at("Step_02_segment")[0, 0] == 50
    assert {layer.scale[5] for layer in shown.layers} == {2.0}


def test_the_slider_of_a_stack_of_the_users_own_is_left_alone_when_a_well_comes(shown: Shown) -> None:
    shown.viewer.add_image(np.zeros((100, 32, 48), np.uint8), name="mine")
    shown.show(plane(1), well="A01")
    shown.viewer.dims.set_current_step(5, 50)

    shown.show(plane(2), well="A02")

    assert shown.viewer.dims.current_step[5] == 50


def test_a_layer_that_grew_while_it_was_hidden_is_shown_where_the_sliders_say(shown: Shown) -> None:
    shown.show(plane(66), well="B01")
    shown.layers[0].visible = False
    shown.show(plane(65), well="A01")

    shown.layers[0].visible = True

    assert shown.state().position["well"] == "B01"
    assert shown.looked_at("Image")[0, 0] == 66


def test_a_missing_component_is_told_as_a_dash(shown: Shown) -> None:
    shown.show(plane(1), well="B03", site=2)
    shown.show(plane(2), well="B03")
    text = shown.viewer.canvas.overlays.text

    assert text.text == "B03 · site 2"
    shown.viewer.dims.set_current_step(3, 0)
    assert text.text == "B03 · site –"


def test_an_image_without_components_has_nothing_to_tell(shown: Shown) -> None:
    shown.show(plane(1))

    assert not shown.viewer.canvas.overlays.text.visible


# What the user sets by hand stays.


def test_contrast_follows_the_images(shown: Shown) -> None:
    shown.show(ramp(100), site=1)
    before = shown.layers[0].contrast_limits[1]

    shown.show(ramp(2000), site=2)

    assert before <= 100
    assert 1900 < shown.layers[0].contrast_limits[1] < 2000


def test_a_blank_first_image_does_not_fix_the_contrast(shown: Shown) -> None:
    shown.show(plane(0), site=1)

    shown.show(ramp(2000), site=2)

    assert shown.layers[0].contrast_limits[1] > 1900


def test_images_of_one_value_each_are_told_apart(shown: Shown) -> None:
    for z in (1, 2, 3):
        shown.show(plane(100 * z), z_index=z)

    assert shown.layers[0].contrast_limits == [0, 304]  # rounded


def test_contrast_set_by_hand_stays(shown: Shown) -> None:
    shown.show(ramp(100), site=1)
    shown.layers[0].contrast_limits = (5, 50)

    shown.show(ramp(2000), site=2)

    assert shown.layers[0].contrast_limits == [5, 50]


def test_contrast_that_was_sent_stays(shown: Shown) -> None:
    display = DisplayConfiguration(contrast_limits=(-10, 3000), colormap="viridis")
    for site in (1, 2):
        shown.show(ramp(100 * site), site=site, display=display)

    assert shown.layers[0].contrast_limits == [-10, 3000]
    assert shown.layers[0].colormap.name == "viridis"


def test_grey_values_are_looked_for_only_where_they_matter(shown: Shown) -> None:
    given = DisplayConfiguration(contrast_limits=(0, 10))
    shown.show(plane(1), kind="labels")
    shown.show(plane(1, (8, 9, 3), "uint8"), axes="yxc", channel="rgb")
    shown.show(ramp(), channel="GFP", display=given)
    assert shown.store.sampled == []

    for site in (1, 2):
        shown.show(ramp(), channel="DAPI", site=site)
    assert shown.store.sampled == [4, 5]


def test_a_colormap_that_nobody_knows_is_the_channels(shown: Shown) -> None:
    shown.show(ramp(), channel="GFP", display=DisplayConfiguration(colormap="no such"))

    assert shown.layers[0].colormap.name == "green"


@pytest.mark.parametrize("visible", [True, False])
def test_a_layer_that_was_shown_or_hidden_by_hand_stays_so(shown: Shown, visible: bool) -> None:
    shown.show(ramp(), step=BLUR, site=1)
    shown.layers[0].visible = visible

    for site in (1, 2):
        shown.show(ramp(), step=SEGMENT, site=site)
        shown.show(ramp(), step=BLUR, site=site)

    assert shown.layers[0].visible is visible


def test_camera_colormap_scale_and_name_set_by_hand_stay(shown: Shown) -> None:
    shown.show(ramp(), site=1)
    layer, camera = shown.layers[0], shown.viewer.scene.camera
    camera.zoom, camera.center = 3.0, (0.0, 5.0, 7.0)
    layer.colormap, layer.name, layer.scale = "magma", "mine", (1, 1, 1, 1, 1, 1, 2, 2)

    for site in (2, 3):
        shown.show(ramp(), site=site)

    assert (camera.zoom, camera.center) == (3.0, (0.0, 5.0, 7.0))
    assert (layer.colormap.name, layer.name, layer.scale.tolist()[-2:]) == ("magma", "mine", [2, 2])


def test_an_image_is_transformed_by_hand_while_images_come(shown: Shown) -> None:
    shown.show(plane(1), well="A01")
    shown.layers[0].mode = "transform"

    shown.show(plane(2), well="A02")

    assert shown.layers[0].editable
    assert shown.layers[0].mode == "transform"


def test_a_layer_that_the_user_deleted_stays_away_images_go_on_and_he_is_told(shown: Shown) -> None:
    for channel in ("DAPI", "GFP"):
        shown.show(ramp(), channel=channel, site=1)
    del shown.layers["Channel_DAPI"]

    for channel in ("DAPI", "GFP"):
        shown.show(ramp(), channel=channel, site=2)

    assert [layer.name for layer in shown.layers] == ["Channel_GFP"]
    assert [layer.images for layer in shown.state().layers] == [2]
    assert [text.partition(",")[0] for text in shown.told] == ["Images still come for 'Channel_DAPI'"]


def test_a_layer_that_the_user_duplicates_shows_what_the_first_one_shows(shown: Shown) -> None:
    shown.show(plane(1), well="A01")
    data, settings, kind = shown.layers["Image"].as_layer_data_tuple()
    duplicate = Layer.create(copy.deepcopy(data), settings | {"name": "mine"}, kind)
    shown.layers.append(duplicate)

    shown.show(plane(2), well="A02")
    shown.viewer.dims.set_current_step(2, 1)

    assert duplicate.extent.data[1][2] == 1
    assert duplicate.data[0, 0, 1, 0, 0, 0].max() == 2
    assert isinstance(shown.answer_to(Clear(id="c")), Done)
    assert duplicate.data[0, 0, 0, 0, 0, 0].max() == 0


def test_nobody_paints_on_a_duplicate_of_labels_before_its_pixels_are_the_users_own(shown: Shown) -> None:
    shown.show(plane(1), kind="labels", well="A01")
    data, settings, kind = shown.layers["Image"].as_layer_data_tuple()
    shown.layers.append(Layer.create(copy.deepcopy(data), settings | {"name": "mine"}, kind))
    assert not shown.layers["mine"].editable

    shown.show(plane(2), kind="labels", well="A02")
    assert not shown.layers["mine"].editable

    shown.layers["mine"].data = shown.layers["mine"].data.astype("int32")  # napari's "Convert data type"
    shown.show(plane(3), kind="labels", well="A03")
    shown.layers["mine"].fill((0, 0, 1, 0, 0, 0, 5, 5), 7)

    assert shown.layers["mine"].data.shape[2] == 2
    assert shown.layers["mine"].data.max() == 7


def test_a_layer_whose_pixels_the_user_made_his_own_is_painted_on_while_images_come_and_stays(
    shown: Shown,
) -> None:
    shown.show(plane(1), kind="labels", well="A01")
    own = shown.layers[0]
    own.data = own.data.astype("int32")  # napari's "Convert data type"
    own.fill((0, 0, 0, 0, 0, 0, 5, 5), 7)

    shown.show(plane(2), kind="labels", well="A02")
    own.fill((0, 0, 0, 0, 0, 0, 5, 5), 8)
    own.undo()
    shown.answer_to(Clear(id="c"))

    assert list(shown.layers) == [own]
    assert own.data.max() == 7


def test_images_of_a_layer_whose_pixels_are_the_users_own_are_shown_in_another(shown: Shown) -> None:
    for well in ("A01", "A02"):
        shown.show(plane(1), kind="labels", well=well)
    own = shown.layers[0]
    own.data = own.data.astype("int32")  # napari's "Convert data type"
    own.visible = False

    shown.show(plane(3), kind="labels", well="A03")

    assert [layer.name for layer in shown.layers] == ["Image", "Image [1]"]
    assert shown.layers[0] is own
    assert (own.data.shape[2], own.visible) == (2, False)
    assert shown.layers[1].data[0, 0, 2, 0, 0, 0].max() == 3
    assert shown.layers[1].visible
    assert [layer.images for layer in shown.state().layers] == [3]
    assert shown.window.sliders.at["well"] == "A01"
    assert not shown.told


@pytest.mark.parametrize("kind", ["image", "labels"])
def test_a_layer_that_the_user_converts_to_labels_or_an_image_goes_on_as_ours(
    shown: Shown, kind: str
) -> None:
    other = {"image": "labels", "labels": "image"}[kind]
    shown.show(ramp(), kind=kind, step=BLUR, well="A01")
    convert(shown, 0, other)

    shown.show(ramp(3000), kind=kind, step=BLUR, well="A02")
    shown.viewer.dims.set_current_step(2, 1)

    (layer,) = shown.layers
    assert layer.as_layer_data_tuple()[2] == other
    assert np.asarray(layer._slice.image.raw).max() == 3000
    assert layer.editable == (other == "image")
    assert shown.viewer.canvas.overlays.text.text == "A02 · Step_01_blur"
    assert [state.images for state in shown.state().layers] == [2]
    assert not shown.told


def test_a_layer_that_the_user_converted_is_hidden_by_later_steps_and_cleared_like_any_other(
    shown: Shown,
) -> None:
    shown.show(ramp(), step=BLUR)
    convert(shown, 0, "labels")
    convert(shown, 0, "image")
    shown.show(ramp(), step=SEGMENT)
    visible = [layer.visible for layer in shown.layers]
    shown.answer_to(Clear(id="c"))

    assert visible == [False, True]
    assert not shown.layers


def convert(shown: Shown, place: int, kind: str) -> None:
    """Do what napari's "Convert to Labels" and "Convert to Image" do."""
    layer = shown.layers.pop(place)
    data, settings, _ = layer.as_layer_data_tuple()
    kept = {name: settings[name] for name in ("name", "scale", "translate", "visible", "projection_mode")}
    shown.layers.insert(place, Layer.create(data, kept, kind))


@pytest.mark.parametrize("is_batch", [False, True])
def test_a_layer_that_goes_takes_its_textures_along_in_the_context_that_it_was_drawn_in(
    shown: Shown, monkeypatch: pytest.MonkeyPatch, is_batch: bool
) -> None:
    shown.show(plane(1), channel="DAPI")
    shown.show(plane(2), channel="GFP")
    shown.viewer.screenshot(flash=False)  # painted by now
    (canvas,) = shown.viewer.window.main_menu.window().findChildren(QOpenGLWidget)
    canvas.doneCurrent()  # as when Qt has painted the window around it
    current: list[QOpenGLContext | None] = []
    monkeypatch.setattr(
        GlirProgram, "delete", lambda program: current.append(QOpenGLContext.currentContext())
    )

    if is_batch:
        shown.layers.clear()
    else:
        shown.layers.pop()

    assert current
    assert all(each is canvas.context() for each in current)


def test_a_canvas_in_a_dock_is_not_the_context_that_layers_leave_in(
    shown: Shown, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = QOpenGLWidget()
    shown.viewer.window.add_dock_widget(other, name="other")
    shown.show(plane(1))
    qtbot.waitUntil(other.isValid, timeout=PATIENCE_MILLISECONDS)
    shown.viewer.screenshot(flash=False)
    current: list[QOpenGLContext | None] = []

    def delete(_program: GlirProgram) -> None:
        current.append(QOpenGLContext.currentContext())

    monkeypatch.setattr(GlirProgram, "delete", delete)
    shown.layers.clear()

    assert current
    assert not any(each is other.context() for each in current)


def test_a_duplicate_shows_an_image_that_came_again(shown: Shown) -> None:
    shown.show(plane(1))
    data, settings, kind = shown.layers["Image"].as_layer_data_tuple()
    shown.layers.append(Layer.create(copy.deepcopy(data), settings | {"name": "mine"}, kind))

    shown.show(plane(2))

    drawn = [np.asarray(layer._slice.image.raw) for layer in shown.layers]
    assert [plane.max() for plane in drawn] == [2, 2]


def test_a_window_that_is_about_to_go_is_asked_for_nothing_when_its_layers_go(shown: Shown) -> None:
    shown.show(plane(1))
    shown.viewer.screenshot(flash=False)
    (canvas,) = shown.viewer.window.main_menu.window().findChildren(QOpenGLWidget)
    canvas.doneCurrent()

    shown.window.stop_listening()
    shown.window.stop_listening()
    shown.layers.clear()

    assert QOpenGLContext.currentContext() is None


def test_a_layer_of_the_users_own_is_left_alone(shown: Shown) -> None:
    mine = shown.viewer.add_points([[1, 1]], name="Image")
    shown.show(ramp(), site=1)
    shown.show(ramp(), site=2)

    shown.answer_to(Clear(id="c"))

    assert list(shown.layers) == [mine]


def test_an_image_that_cannot_be_drawn_does_not_stop_the_others(
    shown: Shown, caplog: pytest.LogCaptureFixture
) -> None:
    lost = shown.arrived(ramp(), site=1)
    shown.store.forget(lost.number)
    shown.inbox.put(lost)

    shown.show(ramp(), channel="GFP")

    assert "not drawn" in caplog.text
    assert "Channel_GFP" in [layer.name for layer in shown.layers]


def test_a_frame_that_fails_in_part_shows_its_images_and_says_so(
    shown: Shown, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shown.show(plane(1), well="A01")
    monkeypatch.setattr(shown.window.sliders, "follow_axes", None)

    shown.show(plane(2), well="A02")

    assert "not drawn what=a frame" in caplog.text


def test_a_layer_that_was_deleted_takes_no_memory_for_drawing(shown: Shown) -> None:
    reserved: list[int] = []
    shown.store.reserve = reserved.append
    for channel in ("DAPI", "GFP"):
        shown.show(plane(1), channel=channel, site=1)
    del shown.layers["Channel_DAPI"]

    shown.show(plane(1), channel="GFP", site=2)

    assert reserved[-2:] == [2 * 32 * 48 * 2, 32 * 48 * 2]


def test_a_run_whose_layers_another_took_over_is_not_remembered_for_following(shown: Shown) -> None:
    replaces = DisplayConfiguration(replace_layers=True)
    for number in range(1, 6):
        shown.inbox.put(RunStarted(sequence=1, run=f"r{number}", wells=["A01"]))
        shown.show(plane(number), run=f"r{number}", well="A01", display=replaces)

    assert {run for run, _, _ in shown.window.follow._parts} == {"r4", "r5"}


# Answers.


def test_the_state_tells_layers_sliders_and_progress(shown: Shown) -> None:
    for well in ("A01", "A02"):
        shown.show(ramp(), run="r", step=BLUR, well=well, channel="DAPI")
    shown.inbox.put(StepProgress(sequence=1, run="r", step=BLUR, well="A02", done=2, of=3))

    state = shown.state()

    (layer,) = state.layers
    assert (layer.name, layer.run, layer.images) == ("Step_01_blur_Channel_DAPI", "r", 2)
    assert (layer.shape, layer.dtype) == ([1, 1, 2, 1, 1, 1, 32, 48], "uint16")
    assert layer.components["well"] == state.axes["well"] == ["A01", "A02"]
    assert state.position["well"] == "A01"
    assert state.progress == {"r": "blur A02: running 2/3"}
    assert state.canvas_size > (0, 0)


def test_the_state_tells_how_a_run_ended(shown: Shown) -> None:
    for news in (
        RunStarted(sequence=1, run="a"),
        RunStarted(sequence=2, run="b"),
        RunStarted(sequence=3, run="c"),
        RunEnded(sequence=4, run="a"),
        RunEnded(sequence=5, run="b", state="failed", error="disk full"),
    ):
        shown.inbox.put(news)

    assert shown.state().progress == {"a": "completed", "b": "disk full", "c": "running"}


def test_an_image_is_given_as_it_was_sent(shown: Shown) -> None:
    for site in (1, 2):
        shown.show(plane(site), site=site)

    answered = shown.ask(GetImage(id="g", layer="Image", components=Components(site=2)))

    assert answered.message == ImagePixels(reply_to="g", spec=ImageSpec(shape=(32, 48), dtype="uint16"))
    assert answered.frames == (plane(2).tobytes(),)


def test_given_labels_are_labels(shown: Shown) -> None:
    shown.show(plane(1), kind="labels")

    answered = shown.answer_to(GetImage(id="g", layer="Image"))

    assert isinstance(answered, ImagePixels)
    assert answered.spec.kind == "labels"


def test_an_image_that_is_not_there_fails(shown: Shown) -> None:
    nowhere = [("Image", {"well": "Z48"}), ("Image", {"site": "1"}), ("no layer", {})]
    shown.show(plane(1), well="A01", site=1)

    for layer, components in nowhere:
        failed = shown.answer_to(GetImage(id="g", layer=layer, components=Components(**components)))

        assert isinstance(failed, Failed), (layer, components)
        assert failed.reply_to == "g"


def test_navigating_moves_the_sliders_and_shows_layers(shown: Shown) -> None:
    for channel in ("DAPI", "GFP"):
        for site in (1, 2, 3):
            shown.show(plane(site), channel=channel, site=site)

    done = shown.answer_to(Navigate(id="n", components=Components(site=3), visible_layers=["Channel_GFP"]))

    assert done == Done(reply_to="n")
    assert shown.looked_at("Channel_GFP")[0, 0] == 3
    assert [layer.visible for layer in shown.layers] == [False, True]


def test_an_image_without_a_component_is_found_beside_those_that_have_it(shown: Shown) -> None:
    shown.show(plane(1), well="A01", site=1)
    shown.show(plane(7))

    given = shown.ask(GetImage(id="g", layer="Image", without=["well", "site"]))
    shown.answer_to(Navigate(id="n", without=["well", "site"]))

    assert given.frames == (plane(7).tobytes(),)
    assert shown.state().position == dict.fromkeys(shown.state().position)
    assert shown.looked_at("Image")[0, 0] == 7


def test_an_overview_is_seen_at_whichever_site_one_looks(shown: Shown) -> None:
    for site in (1, 2):
        shown.show(plane(site), step=BLUR, well="A01", site=site)
    shown.show(plane(7, (8, 8)), step=SEGMENT, well="A01")

    assert shown.answer_to(Navigate(id="n", components=Components(site=2), without=["timepoint"])) == Done(
        reply_to="n"
    )
    assert shown.answer_to(Navigate(id="n", without=["site"])) == Done(reply_to="n")
    state = shown.state()

    assert (state.axes["site"], state.position["site"]) == ([1, 2], 2)
    assert [layer.components["site"] for layer in state.layers] == [[1, 2], [None]]
    assert np.array_equal(shown.looked_at("Step_02_segment"), plane(7, (8, 8)))


def test_that_all_images_have_a_component_is_said(shown: Shown) -> None:
    shown.show(plane(1), well="A01")

    failed = shown.answer_to(Navigate(id="n", without=["well"]))

    assert isinstance(failed, Failed)
    assert failed.error == "no image is without well; there are A01"


def test_navigating_is_answered_when_the_canvas_was_painted(shown: Shown, canvas_paints: list[str]) -> None:
    for site in (1, 2):
        shown.show(ramp(site), site=site)
    shown.answer_to(Screenshot(id="s"))
    canvas_paints.clear()

    shown.answer_to(Navigate(id="n", components=Components(site=2)))

    assert canvas_paints


def test_a_layer_that_somebody_asked_to_see_is_not_hidden_by_later_steps(shown: Shown) -> None:
    shown.show(ramp(), step=BLUR)
    shown.answer_to(Navigate(id="n", visible_layers=["Step_01_blur"]))

    shown.show(ramp(), step=SEGMENT)

    assert [layer.visible for layer in shown.layers] == [True, True]


def test_navigating_to_an_unknown_layer_fails_and_hides_none(shown: Shown) -> None:
    shown.show(ramp())

    failed = shown.answer_to(Navigate(id="n", visible_layers=["no layer"]))

    assert isinstance(failed, Failed)
    assert "no layer" in failed.error
    assert shown.layers[0].visible


def test_a_value_that_no_image_has_is_an_error_and_leaves_the_slider_where_it_is(shown: Shown) -> None:
    for site in (1, 2):
        shown.show(plane(site), site=site)

    assert isinstance(shown.answer_to(Navigate(id="n", components=Components(site=9))), Failed)
    assert shown.state().position["site"] == 1


def test_in_3d_all_can_be_cleared(shown: Shown) -> None:
    shown.show(np.stack([ramp(), ramp()]), axes="zyx")
    shown.viewer.dims.ndisplay = 3

    assert shown.answer_to(Clear(id="c")) == Done(reply_to="c")
    shown.show(np.stack([ramp(), ramp()]), axes="zyx", well="B01")

    assert len(shown.layers) == 1


def test_clear_removes_the_layers_of_a_run_and_their_images(shown: Shown) -> None:
    for run in ("r1", "r2"):
        shown.show(ramp(), run=run, site=1)

    shown.answer_to(Clear(id="c", run="r1"))

    assert [layer.name for layer in shown.layers] == ["Image [run 2]"]
    assert len(shown.store) == 1


def test_clear_removes_the_layers_of_a_step_alone(shown: Shown) -> None:
    for run, step in (("r1", BLUR), ("r1", SEGMENT), ("r2", SEGMENT)):
        shown.show(ramp(), run=run, step=step)

    assert shown.answer_to(Clear(id="c", run="r1", step="segment")) == Done(reply_to="c")
    assert [layer.name for layer in shown.layers] == ["Step_01_blur", "Step_02_segment [run 2]"]
    assert len(shown.store) == 2


def test_a_step_that_no_layer_is_of_clears_nothing(shown: Shown) -> None:
    shown.show(ramp(), run="r1", step=BLUR)

    failed = shown.answer_to(Clear(id="c", run="r2", step="blur"))

    assert isinstance(failed, Failed)
    assert failed.error == "no layer is of step 'blur'; there are none with a step"
    assert len(shown.layers) == 1


def test_layers_that_are_cleared_together_leave_before_the_rest_is_drawn(shown: Shown) -> None:
    for step in (BLUR, SEGMENT):
        shown.show(ramp(), step=step)
    left: list[int] = []
    shown.viewer.layers.events.end_batch.connect(lambda event: left.append(len(shown.layers)))

    shown.answer_to(Clear(id="c"))

    assert left == [0]


def test_after_clear_the_window_begins_anew(shown: Shown) -> None:
    for site in (1, 2):
        shown.show(ramp(), site=site)
    assert shown.answer_to(Clear(id="c")) == Done(reply_to="c")
    assert (len(shown.layers), len(shown.store)) == (0, 0)

    shown.show(plane(5), site=7)

    assert shown.state().axes["site"] == [7]
    assert shown.looked_at()[0, 0] == 5


def test_a_screenshot_shows_what_is_looked_at(shown: Shown) -> None:
    half = np.zeros((64, 64), np.uint16)
    half[:, 32:] = 1000
    shown.show(half, display=DisplayConfiguration(contrast_limits=(0, 1000)))

    taken = shown.answer_to(Screenshot(id="s", canvas_only=True))

    assert isinstance(taken, ScreenshotTaken)
    pixels = np.asarray(PngImage.open(io.BytesIO(taken.png)).convert("L"))
    height, width = pixels.shape
    assert pixels[height // 2, width // 2 + 20] > 240
    assert pixels[height // 2, width // 2 - 20] < 15


def test_a_screenshot_of_the_window_is_larger_than_its_canvas(shown: Shown) -> None:
    sizes = []
    for canvas_only in (True, False):
        taken = shown.answer_to(Screenshot(id="s", canvas_only=canvas_only))
        sizes.append(PngImage.open(io.BytesIO(taken.png)).size)

    assert sizes[1] > sizes[0]


def test_a_channel_has_the_colour_of_its_light_in_all_steps(shown: Shown) -> None:
    shown.show(ramp(), step=BLUR, channel="w1", wavelength=610)
    shown.show(ramp(), step=SEGMENT, channel="w1")

    assert [layer.colormap.name for layer in shown.layers] == ["bop orange"] * 2


# What has left the memory.


@pytest.fixture
def small(make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot, tmp_path: Path) -> Iterator[Shown]:
    """A window whose memory holds eight images of 512 × 512."""
    store = Store(budget=8 << 19, folder=SpillFolder(tmp_path / "spill", spare_nbytes=0))
    shown = Shown(make_napari_viewer(show=True), qtbot, store)
    store.start(on_back=lambda looker: shown.inbox.put(ImagesBack(looker)), on_room=lambda: None)
    yield shown
    store.stop()
    shown.window.stop_listening()


def canvas_brightness(shown: Shown) -> float:
    """Return how bright the middle of the canvas is."""
    pixels = shown.viewer.screenshot(canvas_only=True, flash=False)
    height, width = pixels.shape[:2]
    return float(pixels[height // 2, width // 2, :3].mean())


def test_an_image_that_left_the_memory_is_drawn_when_it_is_looked_at(small: Shown, qtbot: QtBot) -> None:
    limits = DisplayConfiguration(contrast_limits=(0.0, 1000.0))
    for site in range(1, 31):
        small.show(plane(1000 if site == 3 else 10, (512, 512)), site=site, display=limits)
    qtbot.waitUntil(lambda: small.store.spilled_images > 20, timeout=PATIENCE_MILLISECONDS)
    dark = canvas_brightness(small)

    small.viewer.dims.set_current_step(3, 2)

    qtbot.waitUntil(lambda: canvas_brightness(small) > 200, timeout=PATIENCE_MILLISECONDS)
    assert dark < 50
    assert small.store.problem is None


def test_an_image_of_a_pinned_step_that_left_the_memory_is_drawn_where_it_is_pinned(
    small: Shown, qtbot: QtBot
) -> None:
    limits = DisplayConfiguration(contrast_limits=(0.0, 1000.0))
    for site in range(1, 31):
        small.show(plane(1000 if site == 3 else 10, (512, 512)), site=site, display=limits)
    window = small.window
    qtbot.waitUntil(lambda: small.store.spilled_images > 20, timeout=PATIENCE_MILLISECONDS)
    [shown] = window.shown
    window.sliders.at["site"] = 3
    window.pins.pin(shown.model)
    window.sliders.at["site"] = 1  # before the image is back

    qtbot.waitUntil(lambda: canvas_brightness(small) > 200, timeout=PATIENCE_MILLISECONDS)


def test_a_volume_that_left_the_memory_is_drawn_as_a_whole(small: Shown, qtbot: QtBot) -> None:
    limits = DisplayConfiguration(contrast_limits=(0.0, 1000.0))
    for site in range(1, 31):
        for z_index in (1, 2):
            value = 1000 if (site, z_index) == (3, 2) else 10
            small.show(plane(value, (512, 512)), site=site, z_index=z_index, display=limits)
    small.viewer.dims.ndisplay = 3

    small.viewer.dims.set_current_step(3, 2)

    qtbot.waitUntil(lambda: canvas_brightness(small) > 200, timeout=PATIENCE_MILLISECONDS)
    assert small.store.problem is None


def test_a_volume_larger_than_the_memory_is_said_to_be_a_problem_and_nothing_thrashes(
    small: Shown, qtbot: QtBot
) -> None:
    for z_index in range(1, 31):
        small.show(plane(500, (512, 512)), z_index=z_index)

    small.viewer.dims.ndisplay = 3

    qtbot.waitUntil(lambda: small.store.problem is not None, timeout=PATIENCE_MILLISECONDS)
    assert "volume" in str(small.store.problem)
    assert small.store._shelf.next_to_come() is None
    small.viewer.dims.ndisplay = 2
    qtbot.waitUntil(lambda: small.store.problem is None, timeout=PATIENCE_MILLISECONDS)


def test_an_image_that_left_the_memory_is_in_the_answer_to_who_asks(small: Shown) -> None:
    for site in range(1, 31):
        small.show(plane(site, (512, 512)), site=site)

    answered = small.ask(GetImage(id="g", layer="Image", components=Components(site=2)))

    assert set(answered.frames[0]) == {2, 0}


def test_a_stack_is_split_into_layers_that_have_all_its_images(small: Shown) -> None:
    for well in range(1, 31):
        small.show(plane(well, (512, 512)), well=f"A{well:02d}")

    split = stack_to_images(small.layers[0], 0)  # as napari's "Split Stack"

    assert [layer.data.shape for layer in split] == [(1, 30, 1, 1, 1, 512, 512)]
    assert [int(pixels.max()) for pixels in split[0].data[0]] == list(range(1, 31))


def test_a_layer_is_saved_with_all_its_images(small: Shown) -> None:
    for site in range(1, 31):
        small.show(plane(site, (512, 512)), site=site)

    whole = np.asarray(small.layers[0].data)

    assert whole[0, 0, 0, :, 0, 0, 7, 7].tolist() == list(range(1, 31))


# Contrast that steps share.


def test_steps_of_about_one_range_share_their_contrast_and_a_mask_has_its_own(shown: Shown) -> None:
    measure = Step(index=3, name="measure")
    for step, top in ((BLUR, 1000), (SEGMENT, 600), (measure, 1)):
        shown.show(ramp(top), step=step, channel="DAPI")
        shown.show(ramp(60), step=step, channel="GFP")

    limits = {layer.name: layer.contrast_limits for layer in shown.layers}
    assert limits["Step_01_blur_Channel_DAPI"] == limits["Step_02_segment_Channel_DAPI"]
    assert limits["Step_01_blur_Channel_DAPI"][1] > 900
    assert limits["Step_03_measure_Channel_DAPI"] == [0, 1]
    assert limits["Step_01_blur_Channel_GFP"][1] <= 64


def test_contrast_set_by_hand_on_one_step_leaves_the_others_alone(shown: Shown) -> None:
    for step in (BLUR, SEGMENT):
        shown.show(ramp(1000), step=step, site=1)
    shown.layers["Step_02_segment"].contrast_limits = (5, 50)

    for step in (BLUR, SEGMENT):
        shown.show(ramp(1500), step=step, site=2)

    assert shown.layers["Step_02_segment"].contrast_limits == [5, 50]
    assert shown.layers["Step_01_blur"].contrast_limits[1] > 1400


def test_one_dusty_image_makes_no_other_dark(shown: Shown) -> None:
    dusty = ramp(1000)
    dusty[:8] = 65535
    for site, pixels in enumerate([dusty, ramp(1000), ramp(1100)]):
        shown.show(pixels, site=site)

    assert shown.layers[0].contrast_limits[1] < 1200


def test_padding_has_no_say_in_the_contrast(shown: Shown) -> None:
    for side in (40, 4, 5):
        shown.show(ramp()[:side, :side] // 100 + 500, display=PADDED, site=side)

    assert shown.layers[0].contrast_limits[0] > 400
    shown.answer_to(Navigate(id="n", components=Components(site=4)))
    assert np.count_nonzero(shown.looked_at()) == 4 * 4


def test_contrast_moves_once_per_frame_and_not_by_a_little(shown: Shown) -> None:
    shown.show(ramp(1000), site=0)
    moves: list[object] = []
    shown.layers[0].events.contrast_limits.connect(moves.append)

    for site in range(1, 20):
        shown.inbox.put(shown.arrived(ramp(1000 + site % 5), site=site))
    shown.wait_for_shown(20)

    assert moves == []
