"""What a pipeline kept is sent as it showed it: of the same plate, as the same steps."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hcs_protocol import Step
from hcs_stream.sending import (
    Found,
    FoundImage,
    ImageTable,
    NothingChosenError,
    choose_labels,
    choose_step,
    find_images,
)
from hcs_stream.sending._image_table import Columns, columns_of
from hcs_stream.storage import ZarrOutput, ZarrPlate

PIXELS = np.ones((5, 6), "uint16")
BLUR, CELLS = Step(index=1, name="blur"), Step(index=10, name="cells")
PARTS = ("plate", "step", "kind", "well", "site", "channel")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The results of two steps, in the folder of their plate."""
    output = ZarrOutput(tmp_path / "out" / "Assay 7", source="Assay 7")
    for site in (1, 2):
        output.write({"well": "A01", "site": site, "channel": "DAPI"}, PIXELS, step=BLUR)
        output.write({"well": "A01", "site": site}, PIXELS, step=CELLS, kind="labels")
    output.finalise()
    return output.folder


def said(image: FoundImage) -> tuple[Any, ...]:
    return tuple(image.keywords.get(part) for part in PARTS)


@pytest.mark.parametrize("what", [".", "..", "Step_*.zarr"])
def test_results_lie_on_their_source_as_steps(results: Path, what: str) -> None:
    images = find_images([str(results / what)]).images

    assert sorted(map(said, images), key=str) == sorted(
        [
            ("Assay 7", BLUR, "image", "A01", 1, "DAPI"),
            ("Assay 7", BLUR, "image", "A01", 2, "DAPI"),
            ("Assay 7", CELLS, "labels", "A01", 1, None),
            ("Assay 7", CELLS, "labels", "A01", 2, None),
        ],
        key=str,
    )


def test_two_results_of_one_step_of_one_plate_get_names_that_tell_them_apart(tmp_path: Path) -> None:
    for run in ("monday", "tuesday"):
        output = ZarrOutput(tmp_path / run / "Assay", source="Assay")
        output.write({"well": "A01"}, PIXELS, step=BLUR)

    images = find_images([str(tmp_path)]).images

    assert {image.keywords["plate"] for image in images} == {"Assay", "Assay (tuesday/Assay)"}


@pytest.mark.parametrize("what", [".", "*.zarr"])
def test_a_copy_of_a_step_beside_it_takes_no_image_of_it(results: Path, what: str) -> None:
    shutil.copytree(results / "Step_01_blur.zarr", results / "Step_01_blur copy.zarr")

    images = find_images([str(results / what)]).images

    plates: dict[str, set[str]] = {}
    for image in images:
        plates.setdefault(str(image.file.path.relative_to(results).parts[0]), set()).add(
            str(image.keywords["plate"])
        )
    assert len(set(map(said, images))) == len(images) == 6
    assert plates["Step_01_blur.zarr"] == plates["Step_10_cells.zarr"] != plates["Step_01_blur copy.zarr"]


def test_plates_of_one_name_side_by_side_get_names_that_tell_them_apart(tmp_path: Path) -> None:
    for folder in ("a.zarr", "b.zarr"):
        ZarrPlate(tmp_path / folder, name="Assay").write({"well": "A01"}, PIXELS)

    images = find_images([str(tmp_path / "*.zarr")]).images

    assert len({image.keywords["plate"] for image in images}) == 2


def test_results_come_back_from_a_table_with_all_that_is_said_of_them(results: Path) -> None:
    found = find_images([str(results)])

    data = msgspec.msgpack.encode(columns_of(found))
    table = ImageTable(msgspec.msgpack.decode(data, type=Columns))

    back = [table.image(row) for row in range(len(table))]
    assert [image.keywords for image in back] == sorted(
        (image.keywords for image in found.images), key=lambda k: (k["step"].index, k["site"])
    )
    assert table.values["step"] == ["1 blur", "10 cells"]
    assert "step" in table.levels


@pytest.mark.parametrize("step", ["cells", "10", "10 cells"])
def test_one_step_is_chosen_by_its_name_or_number(results: Path, step: str) -> None:
    found = find_images([str(results)])

    images, shown_as = choose_step(found, found.images, step)

    assert {image.keywords["step"] for image in images} == {CELLS}
    assert shown_as is None
    assert len(found.skipped["not chosen"]) == 2


def test_images_of_one_step_or_none_can_be_shown_as_any(results: Path) -> None:
    found = find_images([str(results / "Step_01_blur.zarr")])

    assert choose_step(found, found.images, "smooth") == (found.images, "smooth")
    assert choose_step(Found(), [], "smooth") == ([], "smooth")


def test_a_step_that_is_not_among_several_is_refused(results: Path) -> None:
    found = find_images([str(results)])

    with pytest.raises(NothingChosenError, match=r"'smooth'; there are: 1 blur, 10 cells"):
        choose_step(found, found.images, "smooth")


def test_images_of_a_step_and_of_none_are_not_shown_as_one_step(results: Path) -> None:
    ZarrPlate(results / "Assay 7.zarr").write({"well": "A01", "site": 1, "channel": "DAPI"}, PIXELS)
    found = find_images([str(results / "Assay 7.zarr"), str(results / "Step_01_blur.zarr")])

    with pytest.raises(NothingChosenError, match=r"'smooth'; there are: 1 blur"):
        choose_step(found, found.images, "smooth")


def test_labels_are_chosen_where_a_plate_says_which_they_are(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "Assay.zarr")
    plate.write({"well": "A01", "site": 1}, PIXELS)
    plate.write({"well": "A01", "site": 1}, PIXELS, kind="labels")
    found = find_images([str(plate.folder)])

    labels = choose_labels(found, found.images)

    assert [image.keywords["kind"] for image in labels] == ["labels"]
    assert len(found.skipped["not chosen"]) == 1


def test_all_may_be_labels_where_no_plate_says_it(results: Path) -> None:
    found = find_images([str(results / "Step_01_blur.zarr")])

    assert choose_labels(found, found.images) == found.images
