"""What functions get as one array, and which addresses their results have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from hcs_stream.microscopes import Plate, open_plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, Step, _images

Pixels = Any
MakePlate = Callable[..., Plate]
SILENT = PipelineConfig()


class Seen:
    """A function that remembers what it got."""

    def __init__(self, made: Callable[[Pixels], Pixels] = lambda image: image) -> None:
        self.got: list[Pixels] = []
        self._made = made

    def __call__(self, image: Pixels) -> Pixels:
        self.got.append(image)
        return self._made(image)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [image.shape for image in self.got]


def names_of(output: Path, step: str) -> list[str]:
    return sorted(path.stem for path in (output / "Assay" / step).iterdir())


def run(plate: Plate, *steps: Step, output: Path | None = None) -> dict[str, str]:
    return Pipeline(steps, SILENT).run(plate, output, executor="serial").failures


def test_each_plane_comes_by_itself_and_goes_through_all_steps_first(make_plate: MakePlate) -> None:
    order: list[str] = []
    first, second = (
        Seen(lambda image: order.append("first") or image),
        Seen(lambda image: order.append("second") or image),
    )

    assert run(make_plate(["A01"], planes=2), Step(first), Step(second)) == {}

    assert first.shapes == [(4, 5)] * 2
    assert order == ["first", "second"] * 2


def test_volumes_come_plane_upon_plane_and_pass_unchanged_to_the_next_step_of_volumes(
    make_plate: MakePlate,
) -> None:
    first, second, third = Seen(), Seen(), Seen()

    run(
        make_plate(["A01"], sites=2, planes=3),
        Step(first, group_by="z_index"),
        Step(second, group_by="z_index"),
        Step(third),
    )

    assert first.shapes == [(3, 4, 5)] * 2
    assert [volume[:, 0, 0].tolist() for volume in first.got] == [[111, 112, 113], [211, 212, 213]]
    assert all(one is other for one, other in zip(first.got, second.got, strict=True))
    assert third.shapes == [(4, 5)] * 6


def test_a_projection_beside_a_stack_is_left_out_and_one_without_a_stack_is_a_stack_of_one(
    make_plate: MakePlate,
) -> None:
    make_plate(["A01"], planes=3)
    plate = make_plate(["A01", "B02"], planes=0)
    seen = Seen()

    run(plate, Step(seen, group_by="z_index"))

    assert (len(plate.images), seen.shapes) == (5, [(3, 4, 5), (1, 4, 5)])


def test_a_projection_has_no_plane_in_its_address(make_plate: MakePlate, tmp_path: Path) -> None:
    projected = Step(lambda volume: volume.max(axis=0), "max", group_by="z_index", materialise="disk")

    run(make_plate(["A01"], planes=3, channels=2), projected, output=tmp_path / "out")

    assert names_of(tmp_path / "out", "Step_01_max") == ["A01_s1_w1", "A01_s1_w2"]


def test_channels_are_merged_and_then_sites(make_plate: MakePlate, tmp_path: Path) -> None:
    stitched = Seen(lambda sites: np.hstack(list(sites)))
    steps = [
        Step(lambda channels: channels.sum(axis=0).astype("uint16"), "sum", group_by="channel"),
        Step(stitched, "stitch", group_by="site", materialise="disk"),
    ]

    assert run(make_plate(["A01"], sites=2, channels=3, planes=2), *steps, output=tmp_path / "out") == {}

    assert stitched.shapes == [(2, 4, 5)] * 2
    assert names_of(tmp_path / "out", "Step_02_stitch") == ["A01_z1", "A01_z2"]
    found = tifffile.imread(tmp_path / "out/Assay/Step_02_stitch/A01_z2.tif")
    assert found[0, [0, 5]].tolist() == [112 + 122 + 132, 212 + 222 + 232]


def test_several_components_are_axes_in_the_order_that_was_said(make_plate: MakePlate) -> None:
    seen = Seen(lambda image: image.max(axis=1))
    after = Seen()

    failures = run(
        make_plate(["A01"], channels=2, planes=3),
        Step(seen, group_by=("channel", "z_index")),
        Step(after),
    )

    assert (failures, seen.shapes, after.shapes) == ({}, [(2, 3, 4, 5)], [(4, 5)] * 2)
    assert seen.got[0][:, :, 0, 0].tolist() == [[111, 112, 113], [121, 122, 123]]


def test_a_result_that_tells_not_which_axes_are_left_is_an_error_that_names_the_step(
    make_plate: MakePlate,
) -> None:
    steps = Step(lambda image: image.max(axis=1), "max", group_by=("channel", "z_index"))

    failures = run(make_plate(["A01"], channels=2, planes=2), steps)

    assert "step 1 'max'" in failures["A01"]
    assert "equally long" in failures["A01"]


def test_a_missing_image_in_a_group_of_two_components_is_named(make_plate: MakePlate) -> None:
    plate = make_plate(["A01"], channels=2, planes=2)
    (plate.folder / "ZStep_2/Assay_A01_s1_w2.TIF").unlink()

    failures = run(open_plate(plate.folder), Step(Seen(), group_by=("channel", "z_index")))

    assert "channel 2, z_index 2" in failures["A01"]


def test_images_of_other_channels_pass_unchanged(make_plate: MakePlate, tmp_path: Path) -> None:
    only_two, after = Seen(lambda image: image * 0), Seen()

    run(
        make_plate(["A01"], channels=2),
        Step({"2": only_two}, "two", materialise="disk"),
        Step(after),
        output=tmp_path / "out",
    )

    assert [int(image[0, 0]) for image in after.got] == [110, 0]
    assert names_of(tmp_path / "out", "Step_01_two") == ["A01_s1_w2"]


def test_no_more_images_are_read_at_once_than_a_group_needs(
    make_plate: MakePlate, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, order = _images.read_image, []
    monkeypatch.setattr(_images, "read_image", lambda image: order.append("read") or read(image))
    seen = Seen(lambda volume: order.append("volume") or volume)

    run(
        make_plate(["A01"], sites=3, planes=2),
        Step(lambda image: image, "same"),
        Step(seen, group_by="z_index"),
    )

    assert order == ["read", "read", "read", "volume", "read", "read", "volume", "read", "volume"]


class Foreign:
    """An array of a library of its own, whose conversion NumPy knows."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self.shape, self.dtype = pixels.shape, pixels.dtype

    def __array__(self, dtype: object = None, copy: object = None) -> Pixels:
        return self.pixels


def test_the_next_step_gets_another_librarys_array_as_it_is_and_it_is_kept_as_numpys(
    make_plate: MakePlate, tmp_path: Path
) -> None:
    second = Seen(lambda foreign: foreign.pixels)

    run(make_plate(["A01"]), Step(Foreign, "one", materialise="disk"), Step(second), output=tmp_path / "out")

    assert isinstance(second.got[0], Foreign)
    kept = tifffile.imread(tmp_path / "out/Assay/Step_01_one/A01_s1_w1.tif")
    np.testing.assert_array_equal(kept, second.got[0].pixels)


def test_a_result_that_is_no_array_is_an_error_that_names_step_and_image(make_plate: MakePlate) -> None:
    failures = run(make_plate(["A01"], planes=2), Step(lambda image: image.mean() > 3 or 1.5, "mean of all"))

    assert failures["A01"].startswith(
        "step 1 'mean of all', plate Assay, well A01, site 1, channel 1, z_index 1: "
    )


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        (np.zeros((4, 5, 3)), "colours (y, x, 3) of uint8"),
        (np.zeros((7, 4, 5)), "has group_by"),
        (np.zeros(4), "at least two axes"),
        (None, "wanted an array, found NoneType"),
    ],
)
def test_a_result_that_no_plane_can_have_is_an_error(
    make_plate: MakePlate, result: object, wanted: str
) -> None:
    failures = run(make_plate(["A01"]), Step(lambda image: result, "odd"))

    assert wanted in failures["A01"]


def test_colours_of_uint8_are_one_image(make_plate: MakePlate, tmp_path: Path) -> None:
    after = Seen()

    failures = run(make_plate(["A01"]), Step(lambda image: np.zeros((4, 5, 3), "uint8"), "red"), Step(after))

    assert (failures, after.shapes) == ({}, [(4, 5, 3)])
