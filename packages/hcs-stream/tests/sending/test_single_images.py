"""OME-NGFF images of no plate, of versions 0.4 and 0.5, are sent plane by plane, each a site of its name."""

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from hcs_stream.config import channel_filter, well_filter
from hcs_stream.microscopes import NoImagesError
from hcs_stream.sending import NOT_MATCHING, Choice, Found, ImageTable, choose, find_images, number_filter
from hcs_stream.sending._image_table import Columns, columns_of
from hcs_stream.sending._planes import read_planes

SCALE = {"z": 2.0, "y": 0.5, "x": 0.25}
Shape = tuple[int, ...]


class Store:
    """Groups of one version of OME-NGFF below a folder."""

    def __init__(self, folder: Path, version: str) -> None:
        self.folder = folder
        self.zarr_format = 3 if version == "0.5" else 2
        self.metadata = "zarr.json" if version == "0.5" else ".zattrs"

    def say(self, path: str, said: Mapping[str, Any]) -> None:
        group = zarr.open_group(self.folder / path, mode="a", zarr_format=self.zarr_format)
        group.attrs.update({"ome": {"version": "0.5", **said}} if self.zarr_format == 3 else said)

    def write_image(
        self, path: str, axes: str = "czyx", shape: Shape = (2, 3, 4, 5), dtype: str = "uint16", **more: Any
    ) -> Path:
        scale = [SCALE.get(axis, 1.0) for axis in axes]
        multiscale = {
            "axes": [{"name": axis, "unit": "micrometer"} for axis in axes],
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}],
        }
        self.say(path, {"multiscales": [multiscale], **more})
        folder = self.folder / path
        array = zarr.create_array(
            folder / "0", shape=shape, dtype=dtype, chunks=shape, zarr_format=self.zarr_format
        )
        array[...] = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
        return folder


@pytest.fixture(params=["0.4", "0.5"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path, request.param)


def omero(*labels: str) -> dict[str, Any]:
    return {"channels": [{"label": label, "color": "0000FF"} for label in labels]}


def values(found: Found, component: str) -> list[object]:
    return list(dict.fromkeys(image.keywords.get(component) for image in found.images))


def test_every_plane_is_found_with_all_that_the_metadata_say(store: Store) -> None:
    folder = store.write_image("six.zarr", "tczyx", (2, 2, 3, 4, 5), omero=omero("LaminB1", "Dapi"))

    found = find_images([str(folder)])

    assert (len(found.images), found.unreadable) == (2 * 2 * 3, {})
    assert found.images[-1].keywords == {
        "site": "six",
        "channel": "Dapi",
        "z_index": 2,
        "timepoint": 1,
        "pixel_size": (0.5, 0.25),
        "z_step": 2.0,
        "kind": "image",
    }


@settings(max_examples=20, deadline=None)
@given(
    lengths=st.dictionaries(st.sampled_from("tcz"), st.integers(1, 3)),
    chunk=st.integers(1, 2),
    version=st.sampled_from(["0.4", "0.5"]),
)
def test_a_plane_is_read_where_the_viewer_finds_it_again(
    lengths: dict[str, int], chunk: int, version: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = Store(tmp_path_factory.mktemp("store"), version)
    leading = "".join(axis for axis in "tcz" if axis in lengths)
    shape = (*(lengths[axis] for axis in leading), 4, 5)
    folder = store.write_image("a.zarr", f"{leading}yx", shape)
    pixels = np.arange(np.prod(shape), dtype="u2").reshape(shape)
    zarr.create_array(
        folder / "0",
        data=pixels,
        chunks=(*(min(chunk, length) for length in shape[:-2]), 4, 5),
        compressors=None,
        zarr_format=store.zarr_format,
        overwrite=True,
    )

    images = find_images([str(folder)]).images

    keys = list(itertools.product(*map(range, shape[:-2])))
    assert [image.file.key for image in images] == keys
    for image, key in zip(images, keys, strict=True):
        ((read, keywords),) = read_planes(image)
        assert read.tolist() == pixels[key].tolist()
        if key:
            stored = np.fromfile(str(keywords["file"]), "<u2").reshape(-1, 4, 5)
            assert stored[keywords["page"]].tolist() == read.tolist()


def test_filters_choose_among_planes_and_wells_leave_them_out(store: Store) -> None:
    found = find_images([str(store.write_image("a.zarr", omero=omero("GFP", "DAPI")))])

    of_channel = choose(found, Choice(channels=channel_filter("DAPI"), z_indexes=number_filter("1-")))

    assert [image.file.key for image in of_channel] == [(1, 1), (1, 2)]
    assert choose(found, Choice(timepoints=number_filter("none"))) == found.images
    assert choose(found, Choice(wells=well_filter("A01"))) == []


def test_several_in_one_folder_have_names_of_their_own(store: Store) -> None:
    for path in ("a.zarr", "b.ome.zarr", "one/a.zarr"):
        store.write_image(path, "yx", (4, 5))

    assert values(find_images([str(store.folder)]), "site") == ["a", "b", "one/a"]


def test_values_of_three_bytes_are_channels_and_no_colours(store: Store) -> None:
    folder = store.write_image("a.zarr", "cyx", (3, 4, 5), "uint8")

    images = find_images([str(folder)]).images

    assert [image.keywords["channel"] for image in images] == ["0", "1", "2"]
    assert [pixels.shape for image in images for pixels, _ in read_planes(image)] == [(4, 5)] * 3


def test_axes_without_a_word_are_told_apart_by_the_channel(store: Store) -> None:
    folder = store.write_image("a.zarr", "qcyx", (2, 1, 4, 5), omero=omero("DAPI"))

    assert values(find_images([str(folder)]), "channel") == ["DAPI (q 0)", "DAPI (q 1)"]


def test_labels_are_sent_when_they_are_named_and_lie_on_their_image(store: Store) -> None:
    folder = store.write_image("six.ome.zarr")
    store.say("six.ome.zarr/labels", {"labels": ["cells"]})
    labels = store.write_image("six.ome.zarr/labels/cells", "zyx", (3, 4, 5))

    assert len(find_images([str(folder)]).images) == 6
    found = find_images([str(folder), str(labels)])

    assert values(found, "site") == ["six"]
    assert {image.keywords["channel"] for image in found.images if image.keywords["kind"] == "labels"} == {
        "cells"
    }
    assert len(found.images) == 9


@pytest.mark.parametrize("layout", ["attribute", "file"])
def test_images_of_one_file_that_was_converted_are_sites_of_their_own(store: Store, layout: str) -> None:
    for series in range(11):
        store.write_image(f"slide.zarr/{series}", "yx", (4, 5))
    if layout == "attribute":
        store.say("slide.zarr", {"bioformats2raw.layout": 3})
    else:
        zarr.open_group(store.folder / "slide.zarr", mode="a", zarr_format=store.zarr_format)
        (store.folder / "slide.zarr/OME").mkdir()
        (store.folder / "slide.zarr/OME/METADATA.ome.xml").touch()

    sites = values(find_images([str(store.folder / "slide.zarr")]), "site")

    assert sites == [f"slide ({series})" for series in range(11)]
    assert values(find_images([str(store.folder / "slide.zarr/7")]), "site") == ["slide (7)"]


def test_one_image_that_was_converted_is_called_like_its_store(store: Store) -> None:
    store.say("slide.zarr", {"bioformats2raw.layout": 3})
    store.say("slide.zarr/OME", {"series": ["A"]})
    store.write_image("slide.zarr/A", "yx", (4, 5))
    store.write_image("slide.zarr/0", "yx", (4, 5))

    (image,) = find_images([str(store.folder / "slide.zarr")]).images

    assert (image.keywords["site"], image.file.path.parent.name) == ("slide", "A")


def test_images_that_were_converted_may_lie_deeper(store: Store) -> None:
    store.say("slide.zarr", {"bioformats2raw.layout": 3})
    store.say("slide.zarr/OME", {"series": ["/x/0/", "y/0"]})
    for series in ("x/0", "y/0"):
        store.write_image(f"slide.zarr/{series}", "yx", (4, 5))

    sites = values(find_images([str(store.folder / "slide.zarr")]), "site")

    assert sites == ["slide (x/0)", "slide (y/0)"]


def test_images_of_one_name_and_number_have_places_of_their_own(store: Store) -> None:
    for path in ("x/slide.zarr", "y/slide.zarr"):
        store.say(path, {"bioformats2raw.layout": 3})
        for series in "01":
            store.write_image(f"{path}/{series}", "yx", (4, 5))

    sites = values(find_images([str(store.folder)]), "site")

    assert sites == ["slide (0)", "slide (1)", "y/slide (0)", "y/slide (1)"]


def write_plate(store: Store) -> Path:
    """Write a plate of one well with two images."""
    wells = [{"path": "B/03", "rowIndex": 0, "columnIndex": 0}]
    store.say("plate.zarr", {"plate": {"wells": wells, "rows": [{"name": "B"}], "columns": [{"name": "03"}]}})
    store.say("plate.zarr/B/03", {"well": {"images": [{"path": "0"}, {"path": "1"}]}})
    for image in "01":
        store.write_image(f"plate.zarr/B/03/{image}", "yx", (4, 5))
    return store.folder / "plate.zarr"


@pytest.mark.parametrize(("path", "sites"), [("B/03/1", [1]), ("B/03", [0, 1]), ("B/03/0/0", [0])])
def test_what_lies_inside_a_plate_stays_what_it_is_there(store: Store, path: str, sites: list[int]) -> None:
    found = find_images([str(write_plate(store) / path)])

    assert (values(found, "plate"), values(found, "well"), values(found, "site")) == (
        ["plate"],
        ["B03"],
        sites,
    )


def test_a_plate_and_a_part_of_it_are_one_plate(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    plate = write_plate(store)
    monkeypatch.chdir(store.folder)

    found = find_images(["plate.zarr", str(plate / "B/03/1")])

    assert [(image.keywords["plate"], image.keywords["site"]) for image in found.images] == [
        ("plate", 0),
        ("plate", 1),
    ]


def test_labels_inside_a_plate_lie_on_their_image(store: Store) -> None:
    plate = write_plate(store)
    folder = store.write_image("plate.zarr/B/03/1/labels/cells", "zyx", (3, 4, 5))

    found = find_images([str(folder)])

    assert len(found.images) == 3
    said = [
        found.images[2].keywords.get(part) for part in ("plate", "well", "site", "channel", "z_index", "kind")
    ]
    assert said == ["plate", "B03", 1, "cells", 2, "labels"]
    assert images_of(found) == found.images
    assert len(find_images([str(plate)]).images) == 2


def test_an_image_inside_a_plate_that_cannot_be_read_is_named(store: Store) -> None:
    plate = write_plate(store)
    (plate / "B/03/1" / store.metadata).write_text("{")
    store.say("plate.zarr/B/04", {"well": {"images": [{"path": "0"}]}})

    found = find_images([str(plate / "B/03/1")])

    assert (found.images, list(found.unreadable)) == ([], [plate / "B/03/1"])


def test_an_image_beside_a_plate_is_sent_with_it(store: Store) -> None:
    write_plate(store)
    store.write_image("overview.zarr", "yx", (4, 5))

    found = find_images([str(store.folder)])

    assert values(found, "site") == [0, 1, "overview"]
    assert values(found, "well") == ["B03", None]
    assert not found.skipped.get("stores")


def test_a_maker_says_whether_stores_are_read(store: Store) -> None:
    folder = store.write_image("a.zarr")

    assert values(find_images([str(folder)], maker="OME-NGFF"), "site") == ["a"]
    with pytest.raises(NoImagesError):
        find_images([str(folder)], maker="Opera Phenix")


def test_with_a_pattern_images_of_no_plate_are_left_out(store: Store) -> None:
    folder = store.write_image("a.zarr")

    found = find_images([str(folder)], pattern="{well}.tif")

    assert (found.images, found.skipped) == ([], {NOT_MATCHING: [folder]})


def write_over(path: Path, **said: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | said))


def spoil_metadata(folder: Path, store: Store) -> str:
    (folder / store.metadata).write_text("{")
    return "malformed"


def say_no_multiscale(folder: Path, store: Store) -> str:
    store.say(folder.name, {"multiscales": []})
    return "says nothing of an image"


def say_no_resolution(folder: Path, store: Store) -> str:
    store.say(folder.name, {"multiscales": [{"datasets": []}]})
    return "says nothing of an image's resolutions"


def say_a_number(folder: Path, store: Store) -> str:
    store.say(folder.name, {"multiscales": 7})
    return "malformed metadata"


def lead_outside(folder: Path, store: Store) -> str:
    store.say(folder.name, {"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "../good.zarr/0"}]}]})
    return "wanted a path inside its group"


def say_an_axis_twice(folder: Path, store: Store) -> str:
    store.say(folder.name, {"multiscales": [{"axes": [*"zzyx"], "datasets": [{"path": "0"}]}]})
    return "wanted axes that end in y and x"


def remove_array(folder: Path, store: Store) -> str:
    (folder / "0" / ("zarr.json" if store.zarr_format == 3 else ".zarray")).unlink()
    return "No such file"


def say_endless_planes(folder: Path, store: Store) -> str:
    array = folder / "0" / ("zarr.json" if store.zarr_format == 3 else ".zarray")
    write_over(array, shape=[10**6, 10**6, 4, 5])
    return "wanted at most 1048576 planes"


def make_pipe(folder: Path, store: Store) -> str:
    (folder / store.metadata).unlink()
    os.mkfifo(folder / store.metadata)
    return "wanted a plain file"


SPOILT = [
    spoil_metadata,
    say_no_multiscale,
    say_no_resolution,
    say_a_number,
    lead_outside,
    say_an_axis_twice,
    remove_array,
    say_endless_planes,
    *([make_pipe] if hasattr(os, "mkfifo") else []),
]


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("several", [True, False], ids=["several", "alone"])
def test_one_that_cannot_be_read_is_named_and_the_others_are_sent(
    store: Store, spoil: Any, several: bool
) -> None:
    folder = store.write_image("bad.zarr")
    store.write_image("good.zarr", "yx", (4, 5))
    reason = spoil(folder, store)

    found = find_images([str(store.folder if several else folder)])

    assert values(found, "site") == (["good"] if several else [])
    assert list(found.unreadable) == [folder]
    assert reason in found.unreadable[folder]


def test_of_images_that_were_converted_those_that_can_be_read_are_sent(store: Store) -> None:
    store.say("slide.zarr", {"bioformats2raw.layout": 3})
    store.say("slide.zarr/OME", {"series": ["0", "../0", "2"]})
    folder = store.write_image("slide.zarr/0", "yx", (4, 5)).parent

    found = find_images([str(folder)])

    assert values(found, "site") == ["slide (0)"]
    assert list(found.unreadable) == [folder / "../0", folder / "2"]
    assert "wanted a path inside its group" in found.unreadable[folder / "../0"]


@pytest.mark.parametrize("scale", [10**400, 0, -1, "a", None, float("nan")])
def test_a_size_that_makes_no_sense_is_none(store: Store, scale: object) -> None:
    folder = store.write_image("a.zarr", "yx", (4, 5))
    said = {"type": "scale", "scale": [scale, scale]}
    axes = [{"name": axis, "unit": "micrometer"} for axis in "yx"]
    multiscale = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [said]}]}
    ome = {"multiscales": [multiscale]}
    write_over(folder / store.metadata, **({"attributes": {"ome": ome}} if store.zarr_format == 3 else ome))

    (image,) = find_images([str(folder)]).images

    assert "pixel_size" not in image.keywords


def test_a_folder_that_has_no_image_is_an_error_still(store: Store) -> None:
    zarr.open_group(store.folder / "a.zarr", mode="w", zarr_format=store.zarr_format)
    bad = store.write_image("bad.zarr")
    (bad / store.metadata).write_text("{")

    with pytest.raises(NoImagesError):
        find_images([str(bad), str(store.folder / "a.zarr")])


def images_of(found: Found) -> Sequence[object]:
    """Return all images that come out of a table at the other end."""
    data = msgspec.msgpack.encode(columns_of(found))
    table = ImageTable(msgspec.msgpack.decode(data, type=Columns))
    return [table.image(row) for row in range(len(table))]


def test_all_that_is_said_of_a_plane_comes_back_from_a_table(store: Store) -> None:
    folder = store.write_image("six.zarr", omero=omero("LaminB1", "Dapi"))
    labels = store.write_image("six.zarr/labels/cells", "zyx", (3, 4, 5))
    plain = store.write_image("plain.zarr", "yx", (4, 5))
    found = find_images([str(write_plate(store)), str(folder), str(labels), str(plain)])

    back = images_of(found)

    assert sorted(map(repr, back)) == sorted(map(repr, found.images))
