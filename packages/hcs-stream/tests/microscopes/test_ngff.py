"""OME-NGFF plates of versions 0.4 and 0.5, written by zarr and read plane by plane."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from hcs_stream.microscopes import (
    NoImagesError,
    UnreadableImageError,
    open_plate,
    parse_path,
    read_image,
)

AXES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
Shape = tuple[int, ...]


class Store:
    """A plate that is written group by group."""

    def __init__(self, folder: Path, version: str) -> None:
        self.folder = folder
        self.version = version

    def say(self, path: str, metadata: dict[str, Any]) -> None:
        version_5 = self.version == "0.5"
        group = zarr.open_group(self.folder / path, mode="a", zarr_format=3 if version_5 else 2)
        group.attrs.update({"ome": {"version": "0.5", **metadata}} if version_5 else metadata)

    def write_plate(self, wells: Sequence[str], **more: Any) -> None:
        rows = sorted({well.split("/")[0] for well in wells})
        columns = sorted({well.split("/")[1] for well in wells})
        places = [
            {
                "path": well,
                "rowIndex": rows.index(well.split("/")[0]),
                "columnIndex": columns.index(well.split("/")[1]),
            }
            for well in wells
        ]
        named = {"rows": [{"name": row} for row in rows], "columns": [{"name": name} for name in columns]}
        self.say("", {"plate": {"wells": places, **named, **more}})

    def write_image(
        self, path: str, axes: str = "tczyx", shape: Shape = (1, 2, 3, 4, 5), **more: Any
    ) -> None:
        scale = [{"z": 2.0, "y": 0.5, "x": 0.25}.get(axis, 1.0) for axis in axes]
        multiscale = {
            "axes": [{"name": axis, "type": AXES[axis], "unit": "micrometer"} for axis in axes],
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}],
            "version": self.version,
        }
        self.say(path, {"multiscales": [multiscale], **more})
        pixels = np.arange(np.prod(shape), dtype="uint16").reshape(shape)
        zarr_format = 3 if self.version == "0.5" else 2
        array = zarr.create_array(
            self.folder / path / "0", shape=shape, dtype="uint16", chunks=shape, zarr_format=zarr_format
        )
        array[...] = pixels

    def write_well(self, path: str, images: Sequence[str] = ("0",), **more: Any) -> None:
        self.say(path, {"well": {"images": [{"path": image, **more} for image in images]}})


@pytest.fixture(params=["0.4", "0.5"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "screen.zarr", request.param)


def test_each_plane_of_a_plate_has_its_address(store: Store) -> None:
    store.write_plate(["B/03", "AA/3"])
    for well in ("B/03", "AA/3"):
        store.write_well(well, ["0", "1"])
        for image in ("0", "1"):
            labels = {"omero": {"channels": [{"label": "DAPI", "color": "0000FF"}, {"label": "GFP"}]}}
            store.write_image(f"{well}/{image}", **labels)

    plate = open_plate(store.folder)

    assert (plate.maker, plate.name, len(plate.images)) == ("OME-NGFF", "screen", 2 * 2 * 2 * 3)
    assert [plate.images[0].well, plate.images[-1].well] == ["B03", "AA03"]
    assert {image.site for image in plate.images} == {0, 1}
    assert {image.channel for image in plate.images} == {"DAPI", "GFP"}
    assert {image.z_index for image in plate.images} == {0, 1, 2}
    assert {image.timepoint for image in plate.images} == {0}
    assert (plate.pixel_size, plate.z_step) == ((0.5, 0.25), 2.0)
    assert plate.unparsed == ()


@pytest.mark.parametrize(("labels", "channels"), [(["405", "488"], {"405", "488"}), (["1", "2"], {"0", "1"})])
def test_a_wavelength_is_a_name_and_another_channels_number_is_none(
    store: Store, labels: list[str], channels: set[str]
) -> None:
    store.write_plate(["A/1"])
    store.write_well("A/1")
    store.write_image("A/1/0", omero={"channels": [{"label": label} for label in labels]})

    assert {image.channel for image in open_plate(store.folder).images} == channels


def test_a_plane_is_read_by_its_key(store: Store) -> None:
    store.write_plate(["A/1"])
    store.write_well("A/1")
    store.write_image("A/1/0", "czyx", (2, 3, 4, 5))

    for image in open_plate(store.folder).images:
        first = np.ravel_multi_index((*image.key, 0, 0), (2, 3, 4, 5))

        assert image.timepoint is None
        assert read_image(image).tolist() == np.arange(first, first + 20).reshape(4, 5).tolist()


def test_an_image_without_planes_is_one(store: Store) -> None:
    store.write_plate(["A/1"], name="assay")
    store.write_well("A/1")
    store.write_image("A/1/0", "yx", (4, 5))

    (image,) = open_plate(store.folder).images

    assert (image.plate, image.channel, image.z_index, image.key) == ("assay", "0", None, ())
    assert read_image(image).shape == (4, 5)


def test_wells_may_be_missing_and_acquisitions_several(store: Store) -> None:
    store.write_plate(["A/1", "H/12"], acquisitions=[{"id": 0}, {"id": 1}])
    store.write_well("A/1", ["0", "1"], acquisition=0)
    store.write_well("H/12", ["2"], acquisition=1)
    for path in ("A/1/0", "A/1/1", "H/12/2"):
        store.write_image(path, "cyx", (1, 4, 5))

    plate = open_plate(store.folder)

    assert [(image.well, image.site) for image in plate.images] == [("A01", 0), ("A01", 1), ("H12", 2)]


def test_wells_may_be_pairs_of_numbers(store: Store) -> None:
    store.write_plate(["02/3", "27/12"])
    for path in ("02/3", "27/12"):
        store.write_well(path)
        store.write_image(f"{path}/0", "yx", (4, 5))

    assert [image.well for image in open_plate(store.folder).images] == ["B03", "AA12"]


@pytest.mark.parametrize(
    ("unit", "further", "expected"),
    [
        ("nanometer", [], (0.0005, 0.00025)),
        ("micrometer", [{"type": "scale", "scale": [2.0, 2.0]}], (1.0, 0.5)),
        (None, [], None),
        ("parsec", [], None),
        ("micrometer", [{"type": "scale", "scale": [10**400, 2.0]}], (0.5, 0.5)),
    ],
)
def test_a_pixel_has_the_size_that_is_said(
    tmp_path: Path, unit: str | None, further: list[dict[str, object]], expected: tuple[float, float] | None
) -> None:
    store = Store(tmp_path / "screen.zarr", "0.4")
    store.write_plate(["A/1"])
    store.write_well("A/1")
    store.write_image("A/1/0", "yx", (4, 5))
    scale = [{"type": "scale", "scale": [0.5, 0.25]}]
    axes = [{"name": axis, "type": "space", **({"unit": unit} if unit else {})} for axis in "yx"]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    multiscale = {"axes": axes, "datasets": datasets, "coordinateTransformations": further}
    store.say("A/1/0", {"multiscales": [multiscale]})

    assert open_plate(store.folder).pixel_size == expected


def test_what_is_named_and_not_there_is_reported(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.write_plate(["A/1", "A/2"])
    store.write_well("A/1", ["0", "1"])
    store.write_image("A/1/0", "yx", (4, 5))

    plate = open_plate(store.folder)

    assert len(plate.images) == 1
    assert plate.unparsed == (store.folder / "A/1/1", store.folder / "A/2")
    assert plate.unreadable.keys() == set(plate.unparsed)
    assert "image unreadable" in caplog.text


def test_metadata_that_make_no_sense_hide_no_other_image(store: Store) -> None:
    store.write_plate(["A/1", "A/2", "A/3"])
    for well in ("A/1", "A/2", "A/3"):
        store.write_well(well)
        store.write_image(f"{well}/0", "yx", (4, 5))
    for file in ("zarr.json", ".zattrs"):
        if (store.folder / "A/2/0" / file).exists():
            (store.folder / "A/2/0" / file).write_text('{"multiscales": 7, "attributes": 7}')
    store.say("A/3/0", {"multiscales": []})

    plate = open_plate(store.folder)

    assert [image.well for image in plate.images] == ["A01"]
    assert plate.unparsed == (store.folder / "A/2/0", store.folder / "A/3/0")


def test_an_image_that_names_an_axis_twice_is_reported(store: Store) -> None:
    store.write_plate(["A/1"])
    store.write_well("A/1")
    store.write_image("A/1/0", "czyx", (2, 3, 4, 5))
    store.say("A/1/0", {"multiscales": [{"axes": [*"zzyx"], "datasets": [{"path": "0"}]}]})

    plate = open_plate(store.folder)

    assert plate.images == ()
    assert [*plate.unreadable.values()] == [
        "wanted axes that end in y and x, found ['z', 'z', 'y', 'x'] for the shape (2, 3, 4, 5)"
    ]


def test_paths_that_lead_out_of_a_plate_are_not_followed(store: Store) -> None:
    outside = Store(store.folder.with_name("outside"), store.version)
    for folder in ("B/2", "0"):
        outside.write_image(f"{folder}/0", "yx", (4, 5))
        outside.write_well(folder)
    store.write_plate(["A/1", "A/2", "A/3", "../outside/B/2"])
    store.write_well("A/1")
    store.write_image("A/1/0", "yx", (4, 5))
    store.write_well("A/2", ["../../../outside/0/0"])
    store.write_well("A/3")
    store.say(
        "A/3/0", {"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "../../../../outside/0/0/0"}]}]}
    )

    plate = open_plate(store.folder)

    assert [image.well for image in plate.images] == ["A01"]
    assert len(plate.unreadable) == 3
    assert all("wanted a path inside its group" in reason for reason in plate.unreadable.values())


def test_an_image_that_says_it_has_too_many_planes_to_list_is_reported(store: Store) -> None:
    store.write_plate(["A/1", "A/2"])
    for well in ("A/1", "A/2"):
        store.write_well(well)
        store.write_image(f"{well}/0", "tzyx", (1, 1, 4, 5))
    for file in ("zarr.json", ".zarray"):
        array = store.folder / "A/2/0/0" / file
        if array.exists():
            array.write_text(json.dumps(json.loads(array.read_text()) | {"shape": [10**6, 10**6, 4, 5]}))

    plate = open_plate(store.folder)

    assert [image.well for image in plate.images] == ["A01"]
    assert list(plate.unreadable.values()) == ["wanted at most 1048576 planes, found 1000000x1000000"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_metadata_that_are_a_pipe_keep_nobody_waiting(store: Store) -> None:
    store.write_plate(["A/1"])
    store.write_well("A/1")
    store.write_image("A/1/0", "yx", (4, 5))
    for file in ("zarr.json", ".zattrs"):
        if (store.folder / "A/1/0" / file).exists():
            (store.folder / "A/1/0" / file).unlink()
            os.mkfifo(store.folder / "A/1/0" / file)

    plate = open_plate(store.folder)

    assert [reason.partition(": ")[2] for reason in plate.unreadable.values()] == ["wanted a plain file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_pixels_that_are_a_pipe_keep_nobody_waiting(store: Store) -> None:
    store.write_plate(["A/1"])
    store.write_well("A/1")
    store.write_image("A/1/0", "yx", (4, 5))
    array: Any = zarr.open_array(store.folder / "A/1/0/0", mode="r")
    chunk = store.folder / "A/1/0/0" / array.metadata.encode_chunk_key((0, 0))
    chunk.unlink()
    os.mkfifo(chunk)

    (image,) = open_plate(store.folder).images

    with pytest.raises(UnreadableImageError, match="wanted a plain file of pixels"):
        read_image(image)


def test_a_plane_that_says_it_has_endless_chunks_is_refused_at_once(store: Store) -> None:
    store.write_plate(["A/1"])
    store.write_well("A/1")
    store.write_image("A/1/0", "yx", (4, 5))
    for file in ("zarr.json", ".zarray"):
        array = store.folder / "A/1/0/0" / file
        if array.exists():
            array.write_text(json.dumps(json.loads(array.read_text()) | {"shape": [1 << 20, 1 << 20]}))

    (image,) = open_plate(store.folder).images

    with pytest.raises(UnreadableImageError, match="chunks in a plane"):
        read_image(image)


def test_several_plates_lie_in_one_folder(store: Store) -> None:
    for name in ("a.zarr", "b.ome.zarr"):
        other = Store(store.folder.parent / name, store.version)
        other.write_plate(["A/1"])
        other.write_well("A/1")
        other.write_image("A/1/0", "yx", (4, 5))

    plate = open_plate(store.folder.parent)

    assert [image.plate for image in plate.images] == ["a", "b"]


def test_attributes_of_somebody_else_hide_no_image(store: Store) -> None:
    store.write_plate(["A/1"])
    store.write_well("A/1")
    store.write_image("A/1/0", omero={"channels": [{"label": "DAPI", "window": {"min": 0.0625}}]})
    for path, others in (
        ("", {"well": "B03"}),
        ("A/1", {"plate": "P"}),
        ("A/1/0", {"plate": "P", "well": 3}),
    ):
        zarr.open_group(store.folder / path, mode="a").attrs.update(others)
    document = store.folder / "A/1/0" / ("zarr.json" if store.version == "0.5" else ".zattrs")
    document.write_text(document.read_text().replace("0.0625", "NaN"))  # which not each zarr writes

    plate = open_plate(store.folder)

    assert (len(plate.images), plate.unparsed) == (6, ())
    assert {image.channel for image in plate.images} == {"1", "DAPI"}


def test_null_stands_for_what_is_not_said(store: Store) -> None:
    store.say("", {"plate": {"wells": [{"path": "/A/1/", "rowIndex": None}], "name": None}})
    store.write_well("A/1", acquisition=None)
    store.write_image("A/1/0", omero=None)
    axes = [{"name": axis, "unit": None} for axis in "tczyx"]
    store.say(
        "A/1/0",
        {"multiscales": [{"axes": axes, "datasets": [{"path": "0"}], "coordinateTransformations": None}]},
    )

    plate = open_plate(store.folder)

    assert (plate.name, len(plate.images), plate.unparsed) == ("screen", 6, ())


@pytest.mark.parametrize(
    "omero", [{"channels": None}, {"channels": 3}, {"channels": [3]}, {"channels": [{"label": 1.5}]}]
)
def test_how_an_image_is_shown_decides_not_whether_it_is_one(store: Store, omero: dict[str, Any]) -> None:
    store.write_plate(["A/1"])
    store.write_well("A/1")
    store.write_image("A/1/0", omero=omero)

    assert len(open_plate(store.folder).images) == 6


def test_a_plate_whose_own_metadata_are_broken_is_reported(store: Store) -> None:
    store.write_plate(["A/1"])
    (store.folder / ("zarr.json" if store.version == "0.5" else ".zattrs")).write_bytes(b"")

    plate = open_plate(store.folder)

    assert (plate.images, plate.unparsed) == ((), (store.folder,))


def test_a_store_beside_images_is_left_out(store: Store) -> None:
    store.write_plate(["A/1"])
    (store.folder.parent / "A01_s1_w1_z1_t1.tif").touch()

    plate = open_plate(store.folder.parent)

    assert (plate.maker, len(plate.images)) == ("OpenHCS", 1)
    assert plate.skipped["stores"] == (store.folder,)
    assert open_plate(store.folder.parent, maker="OpenHCS").images == plate.images


def test_a_store_that_is_no_plate_has_no_images(store: Store) -> None:
    store.say("", {"labels": []})

    with pytest.raises(NoImagesError, match="of a plate or an image in a Zarr store, say its whole folder"):
        open_plate(store.folder)


def test_an_image_of_no_plate_is_an_error_that_says_what_shows_it(store: Store) -> None:
    store.write_image("", "yx", (4, 5))

    with pytest.raises(
        NoImagesError, match=r"an OME-NGFF image of no plate at .*: 'hcs-stream send' shows it"
    ):
        open_plate(store.folder)


def test_images_of_no_plate_are_told_of_beside_a_plate(store: Store) -> None:
    store.write_plate(["A/1"])
    store.write_well("A/1")
    store.write_image("A/1/0", "yx", (4, 5))
    other = Store(store.folder.with_name("other.zarr"), store.version)
    other.write_image("", "yx", (4, 5))

    plate = open_plate(store.folder.parent)

    assert ([image.plate for image in plate.images], plate.single_images) == (["screen"], [other.folder])
    assert "stores" not in plate.skipped


@pytest.mark.parametrize("path", ["A/1/0", "A/1", "A/1/0/labels/cells"])
def test_a_folder_inside_a_plate_is_no_image_of_no_plate(store: Store, path: str) -> None:
    store.write_plate(["A/1"])
    store.write_well("A/1")
    for image in ("A/1/0", "A/1/0/labels/cells"):
        store.write_image(image, "yx", (4, 5))

    with pytest.raises(NoImagesError, match="say its whole folder"):
        open_plate(store.folder / path)


def test_a_path_inside_a_plate_says_the_well_and_the_site() -> None:
    found = parse_path("screen.zarr/B/03/4")

    assert (found.plate, found.well, found.site, found.key) == ("screen", "B03", 4, ())


def test_a_broken_chunk_is_an_error_that_names_the_array(store: Store) -> None:
    store.write_plate(["A/1"])
    store.write_well("A/1")
    store.write_image("A/1/0", "yx", (4, 5))
    for chunk in (store.folder / "A/1/0/0").rglob("0*"):
        if chunk.is_file():
            chunk.write_bytes(b"no chunk")

    with pytest.raises(UnreadableImageError, match="wanted an image"):
        read_image(open_plate(store.folder).images[0])


@pytest.mark.parametrize(
    "said",
    [
        {"dtype": "|O", "filters": [{"id": "vlen-utf8"}], "compressor": {"id": "pickle"}},
        {"dtype": "|O", "filters": [{"id": "vlen-utf8"}, {"id": "pickle"}]},
    ],
    ids=str,
)
def test_an_array_of_pickles_is_refused_before_it_is_decoded(said: dict[str, Any], tmp_path: Path) -> None:
    store = Store(tmp_path / "screen.zarr", "0.4")
    store.write_plate(["A/1"])
    store.write_well("A/1")
    store.write_image("A/1/0", "yx", (4, 5))
    metadata = store.folder / "A/1/0/0/.zarray"
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "fill_value": "", **said}))

    [image] = open_plate(store.folder).images
    with pytest.raises(UnreadableImageError, match="wanted codecs of pixels, found pickle"):
        read_image(image)
