"""What a command names: plates, files of plates, files of any name, globs."""

import os
import sys
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pytest
import tifffile
import zarr

from hcs_stream.config import well_filter
from hcs_stream.microscopes import UnreadableImageError, format_htd
from hcs_stream.sending import (
    Choice,
    FoundImage,
    NoSuchImageError,
    choose,
    find_images,
    of_no_plate,
    read_planes,
)


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """Two wells of one channel, with its name."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for well in ("A01", "B02"):
        tifffile.imwrite(folder / f"Assay_{well}_s1_w1.TIF", np.ones((4, 5), "uint16"))
    (folder / "Assay.HTD").write_text(format_htd({"1": "DAPI"}), encoding="latin-1", newline="")
    return folder


def stack(path: Path, axes: str, *shape: int) -> Path:
    """Write a file of several planes, each of one grey value, from 0."""
    planes = np.arange(np.prod(shape), dtype="uint8").reshape(*shape, 1, 1)
    pixels = np.broadcast_to(planes, (*shape, 4, 5))
    tifffile.imwrite(path, pixels, metadata={"axes": f"{axes}YX"}, photometric="minisblack")
    return path


def test_a_file_of_a_plate_has_the_address_that_it_has_there(plate: Path) -> None:
    found = find_images([str(plate / "Assay_B02_s1_w1.TIF")])

    (image,) = found.images
    assert (image.keywords["well"], image.keywords["channel"]) == ("B02", "DAPI")


def test_a_file_of_any_name_has_a_place_of_its_own(plate: Path) -> None:
    tifffile.imwrite(plate / "my montage.tif", np.ones((4, 5), "uint16"))

    found = find_images([str(plate)])

    assert [image.keywords.get("well") for image in found.images] == ["A01", "B02", None]
    assert found.images[2].keywords == {"site": "my montage"}


def test_what_is_named_twice_is_found_once(plate: Path) -> None:
    found = find_images([str(plate), str(plate / "*.TIF")])

    assert len(found.images) == 2


def test_a_glob_that_matches_nothing_is_an_error(plate: Path) -> None:
    with pytest.raises(NoSuchImageError, match="found nothing at"):
        find_images([str(plate / "*.png")])


def test_a_name_with_brackets_is_no_glob(tmp_path: Path) -> None:
    path = tmp_path / "A1_-1_1_1_Tsf[Phase Contrast]_001.tif"
    tifffile.imwrite(path, np.ones((4, 5), "uint16"))

    assert [image.file.path for image in find_images([str(path)]).images] == [path]


def test_what_is_not_chosen_is_counted(plate: Path) -> None:
    found = find_images([str(plate)])

    chosen = choose(found, Choice(wells=well_filter("A*")))

    assert [image.keywords["well"] for image in chosen] == ["A01"]
    assert [path.name for path in found.skipped["not chosen"]] == ["Assay_B02_s1_w1.TIF"]


def test_an_image_goes_with_its_file(plate: Path) -> None:
    image = find_images([str(plate)]).images[0]

    ((pixels, keywords),) = read_planes(image)

    assert pixels.shape == (4, 5)
    assert (keywords["file"], keywords["page"]) == (image.file.path, 0)


@pytest.mark.parametrize(("version", "name"), [(2, "1/0/0/0"), (3, "c/1/0/0/0")])
def test_a_plane_of_an_ngff_array_goes_with_its_chunk(
    version: Literal[2, 3], name: str, tmp_path: Path
) -> None:
    keys = {"name": "v2" if version == 2 else "default", "separator": "/"}
    array = zarr.create_array(
        tmp_path / "0",
        shape=(4, 2, 6, 6),
        chunks=(2, 2, 3, 3),
        dtype="u2",
        zarr_format=version,
        chunk_key_encoding=keys,
    )
    array[:] = np.broadcast_to(np.arange(1, 9, dtype="u2").reshape(4, 2, 1, 1), array.shape)
    found = of_no_plate(tmp_path / "0")
    file = msgspec.structs.replace(found.file, key=(3, 1))

    ((pixels, keywords),) = read_planes(FoundImage(file, found.keywords))

    assert np.unique(pixels).tolist() == [8]
    assert (keywords["file"], keywords["page"]) == (tmp_path / "0" / name, 3)
    assert (tmp_path / "0" / name).is_file()


def test_the_planes_of_a_stack_are_numbered_along_its_axes(tmp_path: Path) -> None:
    path = stack(tmp_path / "any.ome.tif", "TZC", 2, 3, 2)
    (image,) = find_images([str(path)]).images

    planes = list(read_planes(image))

    assert len(planes) == 12
    pixels, keywords = planes[7]
    assert [keywords[name] for name in ("timepoint", "z_index", "channel", "page")] == [2, 1, "2", 7]  # type: ignore[literal-required]
    assert np.unique(pixels).tolist() == [7]


def test_a_file_of_an_ome_set_is_itself_alone(tmp_path: Path) -> None:
    for z in (1, 2):
        parts = "".join(
            f'<TiffData IFD="0" FirstZ="{n - 1}" PlaneCount="1">'
            f'<UUID FileName="A01_s1_w1_z{n}_t1.tif">urn:uuid:{n}</UUID></TiffData>'
            for n in (1, 2)
        )
        text = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{z}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
            'SizeX="5" SizeY="4" SizeZ="2" SizeC="1" SizeT="1"><Channel ID="Channel:0:0"/>'
            f"{parts}</Pixels></Image></OME>"
        )
        path = tmp_path / f"A01_s1_w1_z{z}_t1.tif"
        tifffile.imwrite(path, np.full((4, 5), z, "uint16"), description=text, metadata=None)

    planes = [plane for image in find_images([str(tmp_path)]).images for plane in read_planes(image)]

    assert [(np.unique(pixels).tolist(), keywords["z_index"]) for pixels, keywords in planes] == [
        ([1], 1),
        ([2], 2),
    ]


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="names are Unicode here")
def test_a_name_that_is_no_unicode_is_sent_all_the_same(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/10\xb5m.tif"))
    tifffile.imwrite(path, np.ones((4, 5), "uint16"))
    (image,) = find_images([str(tmp_path)]).images

    ((_, keywords),) = read_planes(image)

    assert keywords == {"site": "10?m"}


def test_colours_are_no_planes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rgb.tif", np.ones((4, 5, 3), "uint16"), photometric="rgb")
    (image,) = find_images([str(tmp_path / "rgb.tif")]).images

    ((pixels, keywords),) = read_planes(image)

    assert (pixels.shape, keywords["axes"]) == ((4, 5, 3), "yxc")


def test_an_axis_that_the_file_does_not_name_is_z(tmp_path: Path) -> None:
    path = tmp_path / "any.tif"
    with tifffile.TiffWriter(path) as file:
        for value in range(3):
            file.write(np.full((4, 5), value, "uint8"), contiguous=False, metadata=None)
    (image,) = find_images([str(path)]).images

    planes = list(read_planes(image))

    assert [keywords["z_index"] for _, keywords in planes] == [1, 2, 3]


def test_half_a_file_is_an_error_at_once(plate: Path) -> None:
    path = plate / "Assay_A01_s1_w1.TIF"
    path.write_bytes(path.read_bytes()[:20])
    image = find_images([str(path)]).images[0]

    with pytest.raises(UnreadableImageError):
        read_planes(image)
