"""Which files and folders results are kept in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import hcs_protocol as protocol
from hcs_stream.microscopes import Plate, Result, open_plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, RunReport, Step
from hcs_stream.storage import ZarrPlate

Pixels = Any
MakePlate = Callable[..., Plate]


def same(image: Pixels) -> Pixels:
    return image


def run(plate: Plate, output: Path, **how: Any) -> RunReport:
    steps = [Step(same, materialise="disk")]
    return Pipeline(steps, PipelineConfig()).run(plate, output, executor="serial", **how)


def renamed(plate: Plate, component: str, names: list[str]) -> Plate:
    """Give each image of a plate another name of its channel, or of its plate."""
    images = [
        msgspec.structs.replace(image, **{component: name})
        for image, name in zip(plate.images, names, strict=True)
    ]
    return msgspec.structs.replace(plate, images=images)


def test_channels_that_no_file_can_be_named_after_have_a_file_each(
    make_plate: MakePlate, tmp_path: Path
) -> None:
    names = ["a/b", "a:b", "a_b", "DAPI", "dapi", "Cy5"]
    plate = renamed(make_plate(["A01"], channels=6), "channel", names)

    run(plate, tmp_path / "out")

    files = [path.name for path in (tmp_path / "out/Assay/Step_01_same").iterdir()]
    assert len({name.casefold() for name in files}) == 6
    assert {"A01_s1_wa_b.tif", "A01_s1_wCy5.tif"} < set(files)


def test_plates_that_no_folder_can_be_named_after_have_a_folder_each(
    make_plate: MakePlate, tmp_path: Path
) -> None:
    names = ["P:1", "P_1", "P_1.", "Q", "q"]
    plate = renamed(make_plate(["A01"], channels=5), "plate", names)

    reports = [run(plate, tmp_path / "out", resume=resume) for resume in (False, True)]

    folders = [path.name for path in (tmp_path / "out").iterdir()]
    assert len({name.casefold() for name in folders}) == 5
    assert "P_1" in folders
    assert [len(report.wells_skipped) for report in reports] == [0, 5]


@pytest.mark.parametrize("name", ["Assay", "Assay-7 (2024) µm"])
def test_names_that_need_no_change_stay_as_they_are(name: str, make_plate: MakePlate, tmp_path: Path) -> None:
    plate = renamed(make_plate(["A01"]), "plate", [name])

    run(plate, tmp_path / "out")

    assert (tmp_path / "out" / name / "Step_01_same" / "A01_s1_w1.tif").exists()


def test_results_are_taken_as_the_plate_of_another_pipeline_without_labels_that_lie_beside_images(
    tmp_path: Path,
) -> None:
    def seen(image: Pixels) -> Pixels:
        dtypes.append(image.dtype.name)
        return image

    dtypes: list[str] = []
    pipeline = Pipeline([Step(seen, name="again")], PipelineConfig())
    plate = ZarrPlate(tmp_path / "saved.zarr")
    kinds: list[tuple[protocol.Kind, str]] = [("image", "uint16"), ("labels", "int32")]
    for kind, dtype in kinds:
        plate.write({"well": "A01", "site": 0}, np.ones((4, 5), dtype), kind=kind)
        pipeline.run(open_plate(plate.folder), tmp_path / "out", executor="serial")
    [image] = open_plate(tmp_path / "out").images

    assert dtypes == ["uint16", "uint16"]
    assert (image.well, image.site, image.channel, image.z_index) == ("A01", 0, "", None)
    assert image.result == Result("saved", protocol.Step(index=1, name="again"))
