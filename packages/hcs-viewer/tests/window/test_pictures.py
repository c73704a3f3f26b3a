"""What the window looks like, with cells on a synthetic plate.

`HCS_PICTURES=docs/images` keeps the pictures there.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PngImage
from scipy import ndimage

from hcs_protocol import DisplayConfiguration, RunStarted, Step, VariableSizeHandling

plate = pytest.importorskip("synthetic_plate", reason="lies in docs/examples")

SIZE = (256, 256)
CHANNELS = ("DAPI", "GFP")
PLANES = 5
RAW, BLUR, FIND = (Step(index=n, name=name) for n, name in enumerate(("raw", "gaussian_blur", "threshold")))
PADDED = DisplayConfiguration(variable_size_handling=VariableSizeHandling.PAD_TO_MAX)
COLOURS = 96
"""Of a kept picture."""

Screen = Any  # of conftest.py, which nobody can import
Pixels = npt.NDArray[np.uint16]
Picture = npt.NDArray[np.uint8]


@cache
def cells(well: str, channel: str, z_index: int = 3, site: int = 1, size: tuple[int, int] = SIZE) -> Pixels:
    """Return an image of cells; the same place always has the same ones."""
    row, column, number = ord(well[0]) - ord("A"), int(well[1:]) - 1, CHANNELS.index(channel) + 1
    place = (7, row, column, site)
    textures = plate.make_textures(np.random.default_rng(7))
    scattered = plate.scatter(np.random.default_rng(place), size, 0.4 + 0.5 * plate.crowding(row, column))
    rng = np.random.default_rng((*place, number))
    light = plate.draw(rng, scattered, textures, size, number)
    image: Pixels = plate.expose(rng, plate.defocus(light, z_index, PLANES))
    return image


def blurred(image: Pixels) -> Pixels:
    return ndimage.gaussian_filter(image, 2)


def found(image: Pixels) -> Pixels:
    smooth = ndimage.gaussian_filter(image, 3).astype(float)
    return ndimage.label(smooth > smooth.min() + 0.3 * np.ptp(smooth))[0].astype(np.uint16)


def show_plate(screen: Screen, *wells: str, planes: int = PLANES) -> None:
    screen.tell(RunStarted(sequence=1, run="r", channels=[*CHANNELS]))
    for well in wells:
        for z_index in range(3 - planes // 2, 4 + planes // 2):
            for channel in CHANNELS:
                show_cells(screen, well, channel, z_index)


def show_cells(screen: Screen, well: str, channel: str, z_index: int = 3, site: int = 2) -> None:
    where = {"plate": "Plate", "well": well, "site": site, "z_index": z_index, "channel": channel}
    screen.show(cells(well, channel, z_index), run="r", step=BLUR, **where)


def keep(screen: Screen, name: str) -> None:
    """Keep a picture of the whole window, if somebody wants it."""
    if folder := os.environ.get("HCS_PICTURES"):
        picture = PngImage.fromarray(screen.picture(canvas_only=False))
        picture = picture.quantize(COLOURS, dither=PngImage.Dither.NONE)
        picture.save(Path(folder) / f"{name}.png", optimize=True)


def middle(picture: Picture) -> Picture:
    """Return what is seen of the image, without the text on it."""
    height, width, _ = picture.shape
    return picture[height // 4 : -height // 8, width // 3 : -width // 3]


def blue(picture: Picture) -> float:
    """Say which part of a picture shows DAPI."""
    return float(np.mean(picture[..., 2] > 60))


def green(picture: Picture) -> float:
    """Say which part of a picture shows GFP; the blue of DAPI has some green in it."""
    return float(np.mean(picture[..., 1] - 0.75 * picture[..., 2] > 40))


@pytest.fixture(autouse=True)
def large_enough(screen: Screen) -> None:
    screen.viewer.window.resize(1180, 800)
    screen.qtbot.wait(50)


def test_a_slider_that_a_key_moves_shows_another_image(screen: Screen) -> None:
    show_plate(screen, "A01", "A02", "B03")
    before = middle(screen.picture())

    for _ in range(2):
        screen.press("Right")
    after = middle(screen.picture())

    assert screen.text == "Plate · A01 · site 2 · DAPI + GFP · z 3 · Step_01_gaussian_blur"
    assert np.mean(before != after) > 0.1
    assert min(blue(after), green(after)) > 0.02
    keep(screen, "viewer-sliders")


def test_the_newest_well_is_seen_with_all_its_channels(screen: Screen) -> None:
    show_plate(screen, "A01", "A02", planes=1)
    screen.press("N")
    show_plate(screen, "A03", planes=1)
    followed = middle(screen.picture())

    show_cells(screen, "B01", "DAPI")

    now = middle(screen.picture())
    assert np.allclose(
        now.astype(int), followed.astype(int), atol=16
    )  # its contrast is that of more images now
    assert min(blue(followed), green(followed)) > 0.02
    assert screen.text.startswith("Plate · A03")
    keep(screen, "viewer-follow-newest")


def test_steps_stand_side_by_side(screen: Screen) -> None:
    for well in ("A01", "A02"):
        for site in (1, 2):
            for channel in CHANNELS:
                where = {"plate": "Plate", "well": well, "site": site, "channel": channel}
                image = cells(well, channel, site=site)
                screen.show(image, step=RAW, **where)
                screen.show(blurred(image), step=BLUR, **where)
            labels = found(cells(well, "DAPI", site=site))
            screen.show(labels, kind="labels", step=FIND, **where | {"channel": "DAPI"})
    screen.press("G")
    picture = screen.picture()
    keep(screen, "viewer-steps-side-by-side")

    quarters = [quarter for half in np.array_split(picture, 2) for quarter in np.array_split(half, 2, axis=1)]
    assert [blue(quarter) > 0.01 for quarter in quarters] == [True, True, True, False]
    assert [green(quarter) > 0.05 for quarter in quarters] == [True, True, False, False]


def test_a_ragged_plate_shows_what_is_there(screen: Screen) -> None:
    show_plate(screen, "A01", planes=1)
    show_cells(screen, "A02", "DAPI")
    show_cells(screen, "A03", "GFP", site=7)

    seen = {}
    for well, site in (("A01", 2), ("A02", 2), ("A03", 7), ("A03", 2)):
        screen.window.sliders.go_to({"well": well, "site": site})
        picture = middle(screen.picture())
        seen[well, site] = (blue(picture) > 0.01, green(picture) > 0.01)
        if well == "A02":
            keep(screen, "viewer-ragged-plate")

    assert seen == {
        ("A01", 2): (True, True),
        ("A02", 2): (True, False),
        ("A03", 7): (False, True),
        ("A03", 2): (False, False),
    }


def test_padded_images_stand_beside_layers_of_their_own(screen: Screen) -> None:
    small = (128, 192)
    for well, size in (("A01", SIZE), ("A02", small)):
        screen.show(cells(well, "GFP", size=size), step=RAW, well=well, channel="GFP", display=PADDED)
        screen.show(cells(well, "GFP", size=size), step=BLUR, well=well, channel="GFP")
    screen.window.sliders.go_to({"well": "A02"})
    screen.press("G")
    keep(screen, "viewer-unequal-sizes")

    for layer in screen.layers:
        if "Steps" not in layer.name:
            layer.contrast_limits = (0, 1)  # all that is no padding is bright
    screen.layers["Steps"].visible = False
    screen.viewer.canvas.overlays.text.visible = False
    lit = screen.picture()[..., 1] > 200
    columns = np.flatnonzero(lit.mean(axis=0) > 0.02)
    gaps = np.flatnonzero(np.diff(columns) > 4)
    assert len(gaps) == 1
    left, right = columns[: gaps[0] + 1], columns[gaps[0] + 1 :]
    assert len(left) == pytest.approx(len(right), abs=3)
    assert lit[:, left].any(axis=1).sum() / len(left) == pytest.approx(small[0] / small[1], abs=0.03)


def test_a_volume_is_seen_in_3d(screen: Screen) -> None:
    volume = np.stack([cells("A01", "DAPI", z_index) for z_index in range(1, PLANES + 1)])
    for well in ("A01", "A02"):
        screen.show(volume, axes="zyx", well=well, channel="DAPI", step=BLUR)
    flat = middle(screen.picture())

    screen.viewer.dims.ndisplay = 3
    screen.viewer.scene.camera.angles = (0, 35, 55)
    solid = middle(screen.picture())

    assert blue(solid) > 0.01
    height = min(len(flat), len(solid))  # a slider less
    assert np.mean(flat[:height] != solid[:height]) > 0.1
    assert screen.text == "A01 · DAPI · Step_01_gaussian_blur"
    keep(screen, "viewer-3d")
