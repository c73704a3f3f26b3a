"""What becomes of results when a changed pipeline runs into the same output."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pytest

from hcs_stream.microscopes import Plate, open_plate, read_image
from hcs_stream.pipeline import Pipeline, PipelineConfig, RunReport, Step
from hcs_stream.storage import ImageNotFoundError, ZarrOutput

Pixels = Any
MakePlate = Callable[..., Plate]
Kept = Literal["zarr", "disk"]
KEPT = pytest.mark.parametrize("kept", ["zarr", "disk"])


def planes(volume: Pixels, *, count: int, value: int, bad: int = 0) -> Pixels:
    if volume[0, 0, 0] == bad:
        raise ValueError("bad")
    return np.full((count, *volume.shape[1:]), value, "uint16")


def projection(volume: Pixels, *, value: int) -> Pixels:
    return np.full(volume.shape[1:], value, "uint16")


def run(plate: Plate, output: Path, kept: Kept, function: Any, **how: Any) -> RunReport:
    settings = {"group_by": "z_index", "name": "made", "materialise": kept, **how}
    return Pipeline([Step(function, **settings)], PipelineConfig()).run(plate, output, executor="serial")


def values(output: Path, step: str = "Step_01_made") -> set[int]:
    """Return the grey values of a step's images."""
    [folder] = output.glob(f"Assay/{step}*")
    return {int(read_image(image).max()) for image in open_plate(folder).images}


@KEPT
def test_a_result_of_fewer_planes_leaves_none_of_the_old_ones(
    kept: Kept, make_plate: MakePlate, tmp_path: Path
) -> None:
    plate = make_plate(["A01", "B02"], planes=2)
    run(plate, tmp_path / "out", kept, (planes, {"count": 5, "value": 5}))

    run(plate, tmp_path / "out", kept, (planes, {"count": 3, "value": 3}))

    assert values(tmp_path / "out") == {3}


@KEPT
def test_a_projection_replaces_the_planes_and_planes_a_projection(
    kept: Kept, make_plate: MakePlate, tmp_path: Path
) -> None:
    plate, seen = make_plate(["A01", "B02"], sites=2, planes=2), []
    for function in ((planes, {"count": 3, "value": 3}), (projection, {"value": 9})) * 2:
        run(plate, tmp_path / "out", kept, function)
        seen.append(values(tmp_path / "out"))

    assert seen == [{3}, {9}, {3}, {9}]


@KEPT
def test_sites_that_are_one_image_now_replace_those_before(
    kept: Kept, make_plate: MakePlate, tmp_path: Path
) -> None:
    plate = make_plate(["A01"], sites=2)
    run(plate, tmp_path / "out", kept, (planes, {"count": 2, "value": 3}), group_by="site")

    run(plate, tmp_path / "out", kept, (projection, {"value": 9}), group_by="site")

    assert values(tmp_path / "out") == {9}


@KEPT
def test_what_a_run_wrote_of_a_well_that_it_did_not_end_goes_too(
    kept: Kept, make_plate: MakePlate, tmp_path: Path
) -> None:
    plate, out = make_plate(["A01"], sites=2, planes=2), tmp_path / "out"
    run(plate, out, kept, (planes, {"count": 4, "value": 4}))
    assert run(plate, out, kept, (planes, {"count": 6, "value": 6, "bad": 211})).failures  # at site 2

    run(plate, out, kept, (projection, {"value": 9}))

    assert values(out) == {9}


@KEPT
def test_a_well_that_fails_keeps_what_it_had(kept: Kept, make_plate: MakePlate, tmp_path: Path) -> None:
    def fails(volume: Pixels) -> Pixels:
        raise ValueError("bad")

    plate = make_plate(["A01"], planes=2)
    run(plate, tmp_path / "out", kept, (planes, {"count": 3, "value": 3}))

    run(plate, tmp_path / "out", kept, fails)

    assert values(tmp_path / "out") == {3}


@KEPT
def test_other_wells_and_other_steps_keep_their_results(
    kept: Kept, make_plate: MakePlate, tmp_path: Path
) -> None:
    plate, out = make_plate(["A01", "B02"], planes=2), tmp_path / "out"
    for name in ("other", "made"):
        run(plate, out, kept, (planes, {"count": 5, "value": 5}), name=name)
    some = msgspec.structs.replace(plate, images=[image for image in plate.images if image.well == "A01"])

    run(some, out, kept, (planes, {"count": 3, "value": 3}))

    assert values(out) == {5, 3}
    assert values(out, "Step_01_other") == {5}


def test_files_of_a_step_that_runs_again_later_are_known_still(make_plate: MakePlate, tmp_path: Path) -> None:
    plate, out = make_plate(["A01"], planes=2), tmp_path / "out"
    run(plate, out, "disk", (planes, {"count": 5, "value": 5}))
    run(plate, out, "disk", (planes, {"count": 2, "value": 2}), name="other")

    run(plate, out, "disk", (planes, {"count": 3, "value": 3}))

    assert values(out) == {3}
    assert values(out, "Step_01_other") == {2}


def test_files_of_the_users_own_beside_results_stay(make_plate: MakePlate, tmp_path: Path) -> None:
    plate, folder = make_plate(["A01"], planes=2), tmp_path / "out/Assay/Step_01_made"
    run(plate, tmp_path / "out", "disk", (planes, {"count": 2, "value": 2}))
    (folder / "A01_s1_w1_z7.tif").write_bytes(b"mine")

    run(plate, tmp_path / "out", "disk", (projection, {"value": 9}))

    assert sorted(path.name for path in folder.iterdir()) == ["A01_s1_w1.tif", "A01_s1_w1_z7.tif"]


def test_planes_that_went_are_not_found_in_the_plate(make_plate: MakePlate, tmp_path: Path) -> None:
    plate = make_plate(["A01"], planes=2)
    run(plate, tmp_path / "out", "zarr", (planes, {"count": 3, "value": 3}))

    run(plate, tmp_path / "out", "zarr", (planes, {"count": 2, "value": 2}))

    output, address = ZarrOutput(tmp_path / "out/Assay"), {"well": "A01", "site": 1, "channel": "1"}
    assert output.read({**address, "z_index": 2}, step=(1, "made")).max() == 2
    with pytest.raises(ImageNotFoundError):
        output.read({**address, "z_index": 3}, step=(1, "made"))
