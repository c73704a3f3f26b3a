"""What broke other live viewers, in a real window: it is shown, or clearly said, and nothing stops."""

import napari
import numpy as np
import pytest
from qtpy.QtCore import Qt
from shown import Shown, plane, ramp

from hcs_protocol import (
    Components,
    DisplayConfiguration,
    GetImage,
    ImagePixels,
    Navigate,
    RunStarted,
    Screenshot,
    ScreenshotTaken,
    Step,
)
from hcs_viewer import _window

BLUR = Step(index=1, name="blur")
LONG = "Ü" * 512
LARGER_THAN_A_TEXTURE = 30_000


def brightness(shown: Shown) -> float:
    """Show what is on the canvas, from 0 to 1 in the middle of it."""
    screen = shown.viewer.screenshot(canvas_only=True, flash=False)[..., :3]
    height, width, _ = screen.shape
    middle = screen[height // 2 - 4 : height // 2 + 4, width // 2 - 4 : width // 2 + 4]
    return float(middle.max()) / 255


# The pace at which images come.


def test_at_ten_images_a_second_for_a_minute_each_is_shown_before_the_next(shown: Shown) -> None:
    shown.inbox.put(RunStarted(sequence=1, run="r", sites=list(range(600))))
    shown.show(ramp(), run="r", site=0)
    first = brightness(shown)

    for site in range(1, 600):
        shown.clock.advance(0.1)
        shown.show(ramp(), run="r", site=site)

    assert first > 0.2
    assert shown.shown == 600


# What images say of themselves.


@pytest.mark.parametrize("order", [(None, 1, 2), (1, None, 2)])
def test_one_image_without_z_is_shown_beside_those_with_z(
    shown: Shown, order: tuple[int | None, ...]
) -> None:
    for z_index in order:
        shown.show(plane(z_index or 9), **({} if z_index is None else {"z_index": z_index}))

    shown.answer_to(Navigate(id="n", components=Components(z_index=2)))

    assert [layer.name for layer in shown.layers] == ["Projection", "Image"]
    assert (shown.looked_at("Projection")[0, 0], shown.looked_at("Image")[0, 0]) == (9, 2)


def test_indexes_that_begin_with_0_are_shown_as_they_are(shown: Shown) -> None:
    for index in (1, 0):
        shown.show(plane(index + 5), site=index, z_index=index, timepoint=index, channel=index)

    shown.answer_to(Navigate(id="n", components=Components(site=0, z_index=0, timepoint=0)))

    assert shown.looked_at("Channel_0")[0, 0] == 5
    assert shown.state().axes["site"] == [0, 1]


def test_rows_after_z_come_last(shown: Shown) -> None:
    for well in ("AA01", "Z24", "A01"):
        shown.show(ramp(), well=well)

    assert shown.state().axes["well"] == ["A01", "Z24", "AA01"]


def test_a_single_plane_at_z_200_is_one_position_and_looked_at(shown: Shown) -> None:
    shown.show(plane(7), z_index=200)

    assert shown.viewer.dims.nsteps[5] == 1
    assert shown.looked_at()[0, 0] == 7


def test_images_of_two_and_three_axes_colours_and_dtypes_share_a_step(shown: Shown) -> None:
    shown.show(ramp(), step=BLUR, well="A01")
    shown.show(np.stack([ramp()] * 3), axes="zyx", step=BLUR, well="A01")
    shown.show(plane(9, (32, 48, 3), "uint8"), axes="yxc", step=BLUR, well="A01")
    shown.show(ramp().astype("float32") / 1000, step=BLUR, well="A02")
    shown.show(plane(1), kind="labels", step=BLUR, well="A01")

    assert isinstance(shown.answer_to(Screenshot(id="s")), ScreenshotTaken)
    assert [layer.images for layer in shown.state().layers] == [1] * 5
    for layer in shown.state().layers:
        well = layer.components["well"][0]
        found = shown.answer_to(
            GetImage(id="g", layer=layer.name, components=Components(well=well, z_index=layer_z(layer)))
        )
        assert isinstance(found, ImagePixels), found


def layer_z(layer: object) -> int | None:
    return next(iter(layer.components.get("z_index", [])), None)


def test_empty_long_and_foreign_names_are_shown(shown: Shown) -> None:
    names = ["", LONG, "DAPI/ß-Tub 🔬", "%s {0} <b>", "\u202egnp", "a\nb"]
    for name in names:
        shown.show(ramp(), channel=name, step=Step(index=1, name=name))

    state = shown.state()

    assert len({layer.name for layer in state.layers}) == len(names)
    assert max(len(layer.name) for layer in state.layers) <= 512
    assert isinstance(shown.answer_to(Screenshot(id="s", canvas_only=False)), ScreenshotTaken)


def test_a_name_that_is_html_is_shown_as_it_is_and_opens_no_file(shown: Shown) -> None:
    shown.show(ramp(), channel="<img src='pipe'>")

    tip = shown.layers[0].get_source_str()
    assert not Qt.mightBeRichText(tip)
    assert tip.replace("\N{WORD JOINER}", "") == "Channel_<img_src='pipe'>"


def test_two_names_that_look_the_same_are_two_layers(shown: Shown) -> None:
    for channel in ("a b", "a_b"):
        shown.show(ramp(), channel=channel)

    assert [layer.name for layer in shown.layers] == ["Channel_a_b", "Channel_a_b [run 2]"]


# Pixels.


def test_the_smallest_image_is_seen(shown: Shown) -> None:
    shown.show(plane(9, (1, 1)), display=DisplayConfiguration(contrast_limits=(0, 9)))

    assert brightness(shown) > 0.9


@pytest.mark.parametrize("shape", [(LARGER_THAN_A_TEXTURE, 2), (2, LARGER_THAN_A_TEXTURE)])
def test_an_image_larger_than_a_texture_is_seen(shown: Shown, shape: tuple[int, int]) -> None:
    shown.show(plane(9, shape), display=DisplayConfiguration(contrast_limits=(0, 9)))
    camera = shown.viewer.scene.camera
    camera.center, camera.zoom = ((shape[0] - 1) / 2, (shape[1] - 1) / 2), 20

    assert brightness(shown) > 0.9


BLANKS = [
    np.full((8, 9), np.nan, np.float32),
    np.full((8, 9), -7, np.int16),
    np.zeros((8, 9), bool),
    np.full((8, 9), 1e300, np.float64),
]


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")  # as napari draws 1e300
def test_blank_images_and_those_without_a_number_do_no_harm(shown: Shown) -> None:
    for number, pixels in enumerate(BLANKS):
        shown.show(pixels, channel=number)

    assert isinstance(shown.answer_to(Screenshot(id="s")), ScreenshotTaken)
    assert all(low < high for low, high in (layer.contrast_limits for layer in shown.layers))


def test_labels_of_one_number_have_one_colour_everywhere(shown: Shown) -> None:
    for dtype, most in (("uint8", 3), ("uint16", 60_000), ("int32", 1 << 30)):
        labels = plane(3, dtype=dtype)
        shown.show(labels, kind="labels", channel=dtype, z_index=1)
        before = shown.layers[-1].get_color(3).tolist()
        labels[0, 0] = most
        shown.show(labels, kind="labels", channel=dtype, z_index=2, run="r2")
        shown.show(labels, kind="labels", channel=dtype, z_index=1)
        assert [layer.get_color(3).tolist() for layer in shown.layers] == [before] * len(shown.layers)


# What the user does meanwhile.


def test_a_layer_deleted_while_images_of_a_new_size_and_run_come_stays_away(shown: Shown) -> None:
    shown.show(ramp(), well="A01", site=1)
    shown.inbox.put(shown.arrived(ramp(), well="A01", site=2))
    del shown.layers["Image"]
    shown.wait_for_shown(2)

    shown.show(plane(1, (8, 9)), well="A02")
    shown.show(ramp(), well="A03")
    shown.show(ramp(), well="A01", run="r2")

    assert [layer.name for layer in shown.layers] == ["Well_A02", "Image [run 2]"]


def test_layers_renamed_and_moved_by_the_user_stay_so_when_others_come(shown: Shown) -> None:
    for channel in ("DAPI", "GFP", "Cy5"):
        shown.show(ramp(), channel=channel, well="A01")
    shown.layers["Channel_DAPI"].name = "nuclei"
    shown.layers.move(shown.layers.index("nuclei"), 3)
    before = [layer.name for layer in shown.layers]

    shown.show(plane(1, (8, 9)), channel="DAPI", well="A02")
    shown.show(ramp(), channel="DAPI", well="A03")

    after = [layer.name for layer in shown.layers]
    assert before == [name for name in after if name in before] == ["Channel_Cy5", "Channel_GFP", "nuclei"]


def test_a_layer_of_the_users_own_may_have_the_name_of_one_of_ours(shown: Shown) -> None:
    mine = shown.viewer.add_points([[1, 1]], name="Image")
    shown.show(ramp(), z_index=None, well="A01")
    ours = shown.layers[-1].name

    shown.show(plane(1, (8, 9)), well="A02")

    assert (mine.name, ours) == ("Image", "Image [1]")
    assert sorted(layer.name for layer in shown.layers) == ["Image", "Well_A01", "Well_A02"]


# Too many layers.


@pytest.fixture
def most_layers(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(_window, "MOST_LAYERS", 3)
    return 3


def test_hundreds_of_wells_in_layers_of_their_own_do_not_freeze_the_window(
    shown: Shown, most_layers: int, caplog: pytest.LogCaptureFixture
) -> None:
    display = DisplayConfiguration(well_mode="slice")
    for column in range(300):
        shown.inbox.put(shown.arrived(ramp(), well=f"A{column:04d}", display=display))
    shown.wait_for_shown(most_layers)
    shown.answer_to(Navigate(id="n"))

    assert len(shown.layers) == most_layers
    assert len(shown.store) == 300
    assert caplog.text.count("there are 3 layers already") == 1

    del shown.layers[0]
    shown.show(ramp(), well="A0299", site=2, display=display)

    assert "Well_A0299" in shown.layers


# Never fighting the user.

ALL_KEPT = ("contrast_limits", "gamma", "opacity", "visible", "blending", "interpolation2d")


def kept(shown: Shown, layers: list[napari.layers.Layer]) -> dict[str, object]:
    """Return all that a user can have set by hand."""
    camera = shown.viewer.scene.camera
    places = [place for place, layer in enumerate(shown.layers) if layer in layers]
    return {
        "order": [shown.layers[place].name for place in places],
        "layers": [{name: getattr(layer, name) for name in ALL_KEPT} for layer in layers],
        "colormaps": [layer.colormap.name for layer in layers],
        "camera": (camera.zoom, camera.center, camera.angles),
        "looked at": shown.state().position,
        "pixels": [shown.looked_at(layer.name).tolist() for layer in layers],
        "selected": {layer.name for layer in shown.layers.selection},
        "axes shown": shown.viewer.dims.ndisplay,
    }


def set_by_hand(shown: Shown) -> list[napari.layers.Layer]:
    """Set everything that a user can set on two layers, with the position on the second of three wells."""
    raw, blurred = (shown.layers[name] for name in ("Step_00_raw_Channel_DAPI", "Step_01_blur_Channel_DAPI"))
    raw.contrast_limits, raw.gamma, raw.opacity, raw.visible = (3, 77), 0.5, 0.7, True
    raw.colormap, raw.blending, raw.interpolation2d = "magma", "translucent", "linear"
    blurred.visible, blurred.contrast_limits = False, (10, 20)
    shown.layers.move(shown.layers.index(blurred.name), 0)
    shown.layers.selection = {raw}
    camera = shown.viewer.scene.camera
    camera.zoom, camera.center = 3.0, (0.0, 5.0, 7.0)
    shown.viewer.dims.set_current_step(2, 1)
    return [raw, blurred]


def test_all_that_the_user_set_is_so_after_500_more_images(shown: Shown) -> None:
    steps = [Step(index=0, name="raw"), BLUR, Step(index=2, name="segment")]
    for well in ("C03", "D04", "E05"):
        for step in steps[:2]:
            shown.show(ramp(100 * ord(well[0])), step=step, well=well, channel="DAPI", z_index=2)
    layers = set_by_hand(shown)
    before = kept(shown, layers)
    assert before["looked at"]["well"] == "D04"

    sent = [
        (f"{row}{column:02d}", step, channel, z_index)
        for row in "ABFGH"
        for column in range(1, 7)
        for step in steps
        for channel in ("DAPI", "GFP")
        for z_index in (1, 2, 3)
    ]
    for well, step, channel, z_index in sent[:500]:
        arrived = shown.arrived(ramp(9000), step=step, well=well, channel=channel, z_index=z_index)
        shown.inbox.put(arrived)
    shown.wait_for_shown(6 + 500)

    assert kept(shown, layers) == before
    assert len(shown.layers) == 6
