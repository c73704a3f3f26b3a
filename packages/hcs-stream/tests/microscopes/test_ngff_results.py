"""OME-NGFF plates that this package wrote: their images are where they were, and what they were."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcs_protocol import Step
from hcs_stream.microscopes import ImageFile, Result, UnreadableImageError, open_plate, read_image
from hcs_stream.storage import FileManager, ZarrOutput, ZarrPlate
from hcs_stream.storage._ngff import VERSIONS, Version

PIXELS = np.arange(30, dtype="uint16").reshape(5, 6)
AXES = ("well", "site", "channel", "z_index", "timepoint")
both_versions = pytest.mark.parametrize("version", VERSIONS)


def address(image: ImageFile) -> dict[str, Any]:
    return {name: getattr(image, name) for name in AXES}


def place(**components: Any) -> dict[str, Any]:
    return {**dict.fromkeys(AXES), "channel": "", "well": "B03", **components}


@both_versions
@pytest.mark.parametrize(
    "components",
    [
        {"site": 2, "channel": "DAPI", "z_index": 3, "timepoint": 7},
        {"site": 0},
        {},
        {"site": 5, "timepoint": 1},
        {"well": "AF48", "channel": "405"},
    ],
    ids=str,
)
def test_an_image_has_the_address_that_it_was_written_at(
    version: Version, components: Mapping[str, Any], tmp_path: Path
) -> None:
    output = ZarrOutput(tmp_path, source="Assay 7", ngff=version)
    output.write({"well": "B03", **components}, PIXELS, step=(2, "blur"))
    output.finalise()

    [image] = open_plate(tmp_path).images

    assert address(image) == place(**components)
    assert image.result == Result("Assay 7", Step(index=2, name="blur"))
    assert (read_image(image) == PIXELS).all()


@both_versions
def test_a_stack_its_projection_and_its_labels_are_told_apart(version: Version, tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr", ngff=version)
    at = {"well": "B03", "site": 1, "channel": "DAPI"}
    plate.write(at, np.stack([PIXELS, PIXELS + 1]))
    plate.write(at, PIXELS + 2)
    plate.write({**at, "site": 2}, PIXELS.astype("float32") + 3)
    plate.write({**at, "z_index": 1}, PIXELS + 4, kind="labels")
    plate.finalise()

    images = open_plate(plate.folder).images

    found = [
        (image.z_index, image.result.kind, int(read_image(image)[0, 0])) for image in images if image.result
    ]
    assert sorted(found, key=lambda each: each[2]) == [
        (1, "image", 0),
        (2, "image", 1),
        (None, "image", 2),
        (None, "image", 3),
        (1, "labels", 4),
    ]


@both_versions
@pytest.mark.parametrize("channel", [None, "overlay"])
def test_a_coloured_image_is_one(version: Version, channel: str | None, tmp_path: Path) -> None:
    coloured = np.arange(90, dtype="uint8").reshape(5, 6, 3)
    output = ZarrOutput(tmp_path, ngff=version)
    output.write({"well": "B03", "channel": channel}, coloured, step=(1, "overlay"))

    [image] = open_plate(tmp_path).images

    assert image.channel == (channel or "")
    assert (read_image(image) == coloured).all()


def test_places_at_which_nothing_was_written_are_no_images(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr")
    plate.declare(wells=["B03", "B04"], channels=["DAPI", "GFP"], z_indexes=range(1, 4))
    plate.write({"well": "B03", "channel": "GFP", "z_index": 2}, PIXELS)

    assert [address(image) for image in open_plate(plate.folder).images] == [place(channel="GFP", z_index=2)]


def test_sites_with_names_get_the_same_numbers_in_all_wells(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr")
    for well, site in (("B03", 4), ("B03", "tile 10"), ("B03", "tile 9"), ("C01", "tile 10")):
        plate.write({"well": well, "site": site}, PIXELS + len(str(site)))

    images = open_plate(plate.folder).images

    found = {(image.well, image.site): int(read_image(image)[0, 0]) for image in images}
    assert found == {("B03", 4): 1, ("B03", 5): 6, ("B03", 6): 7, ("C01", 6): 7}


def test_what_lies_beside_results_for_their_writers_alone_is_not_told(tmp_path: Path) -> None:
    ZarrOutput(tmp_path).write({"well": "B03"}, PIXELS, step=(1, "blur"))
    (tmp_path / ".hcs-done").mkdir()
    (tmp_path / ".theirs.lock").touch()

    assert {path.name for path in tmp_path.glob(".*")} > {".hcs-done", ".theirs.lock"}
    assert open_plate(tmp_path).skipped["hidden"] == (tmp_path / ".theirs.lock",)


def test_what_is_known_of_all_is_told_and_nothing_is_made_up(tmp_path: Path) -> None:
    unknown, known = ZarrPlate(tmp_path / "unknown.zarr"), ZarrPlate(tmp_path / "known.zarr")
    unknown.write({"well": "B03"}, PIXELS)
    known.declare(pixel_size=(0.5, 0.25), z_step=2.0, wavelengths={"DAPI": 461.0})
    known.write({"well": "B03", "channel": "DAPI"}, PIXELS)

    plate, other = open_plate(unknown.folder), open_plate(known.folder)

    assert (plate.pixel_size, plate.z_step, plate.wavelengths) == (None, None, {})
    assert (other.pixel_size, other.z_step, other.wavelengths) == ((0.5, 0.25), 2.0, {"DAPI": 461.0})


def test_images_saved_by_their_paths_have_the_addresses_of_these(tmp_path: Path) -> None:
    with FileManager() as manager:
        manager.save(PIXELS, tmp_path / "p.zarr" / "A01_s3_w2_z4_t5.tif", "zarr")

    [image] = open_plate(tmp_path / "p.zarr").images

    assert address(image) == place(well="A01", site=3, channel="2", z_index=4, timepoint=5)
    assert image.result == Result()


@both_versions
def test_a_file_that_was_cut_off_is_no_image(version: Version, tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr", ngff=version)
    written = plate.write({"well": "B03"}, np.random.default_rng(1).integers(0, 999, (200, 200), "uint16"))
    assert written is not None
    file = Path(written.path)
    file.write_bytes(file.read_bytes()[:-40])

    [image] = open_plate(plate.folder).images
    with pytest.raises(UnreadableImageError, match="damaged"):
        read_image(image)


def test_a_group_that_is_broken_is_named_and_the_others_are_found(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr")
    for site in (1, 2):
        plate.write({"well": "B03", "site": site}, PIXELS)
    broken = plate.folder / "B" / "03" / "2"
    (broken / "zarr.json").write_text("{")

    found = open_plate(plate.folder)

    assert [image.site for image in found.images] == [1]
    assert list(found.unreadable) == [broken]


@pytest.mark.parametrize("said", [5, {"variants": 5}, {"who": "somebody else"}], ids=str)
def test_an_attribute_of_somebody_else_says_nothing(said: object, tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr")
    plate.write({"well": "B03", "site": 1, "channel": "DAPI"}, PIXELS)
    document = plate.folder / "zarr.json"
    found = json.loads(document.read_text())
    found["attributes"]["hcs"] = said
    document.write_text(json.dumps(found))

    [image] = open_plate(plate.folder).images

    assert (image.site, image.channel, image.z_index, image.result) == (1, "DAPI", 0, None)
