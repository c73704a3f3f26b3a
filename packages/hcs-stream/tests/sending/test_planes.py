"""The planes of an image on disk: one, those of a stack, channels, colours."""

from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pytest
import tifffile
import zarr

from hcs_stream.microscopes import UnreadableImageError
from hcs_stream.sending import find_images
from hcs_stream.sending._found_images import FoundImage, of_no_plate
from hcs_stream.sending._planes import read_planes


def stack(path: Path, axes: str, *shape: int) -> Path:
    """Write a file of several planes, each of one grey value, from 0."""
    planes = np.arange(np.prod(shape), dtype="uint8").reshape(*shape, 1, 1)
    pixels = np.broadcast_to(planes, (*shape, 4, 5))
    tifffile.imwrite(path, pixels, metadata={"axes": f"{axes}YX"}, photometric="minisblack")
    return path


def test_an_image_goes_with_its_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "A01_s1_w1.tif", np.ones((4, 5), "uint16"))
    (image,) = find_images([str(tmp_path)]).images

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


def test_half_a_file_is_an_error_at_once(tmp_path: Path) -> None:
    path = tmp_path / "A01_s1_w1.tif"
    path.write_bytes(b"II*\0 no more")
    image = find_images([str(path)]).images[0]

    with pytest.raises(UnreadableImageError):
        read_planes(image)


@pytest.mark.parametrize("axes", ["Z", "T", "C", "Q"])
def test_stacks_that_repeat_what_their_names_say_do_not_take_each_others_place(
    axes: str, tmp_path: Path
) -> None:
    for name in ("A01_s1_w2_z1_t1.tif", "A01_s1_w2_z2_t1.tif", "A01_s1_w3_z1_t2.tif"):
        stack(tmp_path / name, axes, 3)
    components = ("site", "channel", "z_index", "timepoint")

    planes = [plane for image in find_images([str(tmp_path)]).images for plane in read_planes(image)]

    assert len({tuple(keywords[c] for c in components) for _, keywords in planes}) == 9


def test_pages_that_were_appended_one_by_one_are_a_stack(tmp_path: Path) -> None:
    path = tmp_path / "appended.tif"
    for grey in range(3):
        tifffile.imwrite(path, np.full((4, 5), grey, "uint16"), append=True)
    (image,) = find_images([str(path)]).images

    planes = list(read_planes(image))

    assert [(pixels.max(), keywords["z_index"]) for pixels, keywords in planes] == [(0, 1), (1, 2), (2, 3)]


def test_a_stack_is_opened_as_often_however_many_pages_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, init = [0], tifffile.TiffFile.__init__

    def count(file: tifffile.TiffFile, *arguments: Any, **keywords: Any) -> None:
        opened[0] += 1
        init(file, *arguments, **keywords)

    monkeypatch.setattr(tifffile.TiffFile, "__init__", count)

    counts = []
    for pages in (3, 30):
        path = stack(tmp_path / f"stack{pages}.tif", "T", pages)
        opened[0] = 0
        assert sum(1 for _ in read_planes(of_no_plate(path))) == pages
        counts.append(opened[0])

    assert counts[0] == counts[1]


def test_a_stack_that_is_overwritten_while_it_is_read_says_so(tmp_path: Path) -> None:
    path = stack(tmp_path / "stack.tif", "T", 3)
    planes = read_planes(of_no_plate(path))
    path.write_bytes(b"no TIFF any more")

    with pytest.raises(UnreadableImageError, match=r"stack\.tif"):
        list(planes)


def test_colours_of_a_stack_stay_colours(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.zeros((2, 4, 5, 3), "uint16"), photometric="rgb")
    (image,) = find_images([str(path)]).images

    assert [(p.shape, keywords["axes"]) for p, keywords in read_planes(image)] == [((4, 5, 3), "yxc")] * 2


@pytest.mark.parametrize("photometric", ["minisblack", "rgb"])
def test_further_values_of_a_pixel_are_channels(photometric: str, tmp_path: Path) -> None:
    path, count = tmp_path / "any.tif", {"minisblack": 2, "rgb": 5}[photometric]
    pixels = np.broadcast_to(np.arange(count, dtype="uint8"), (4, 5, count))
    tifffile.imwrite(path, pixels, photometric=photometric, planarconfig="contig")
    (image,) = find_images([str(path)]).images

    planes = list(read_planes(image))

    assert [(keywords["channel"], pixels.max()) for pixels, keywords in planes] == [
        (str(number + 1), number) for number in range(count)
    ]


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_channels_in_the_planes_of_a_stack_are_channels(planar: str, tmp_path: Path) -> None:
    path, pixels = tmp_path / "any.tif", np.zeros((3, 2, 4, 5), "uint8")
    pixels[:, 1] = 1
    stored = pixels if planar == "separate" else np.moveaxis(pixels, 1, -1)
    tifffile.imwrite(path, stored, photometric="minisblack", planarconfig=planar)
    (image,) = find_images([str(path)]).images

    planes = list(read_planes(image))

    assert [(keywords["z_index"], keywords["channel"], pixels.max()) for pixels, keywords in planes] == [
        (z, channel, value) for z in (1, 2, 3) for channel, value in (("1", 0), ("2", 1))
    ]


def test_a_stack_that_is_cut_off_says_so(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    for grey in range(3):
        tifffile.imwrite(path, np.full((40, 50), grey, "uint16"), append=True, metadata=None)
    path.write_bytes(path.read_bytes()[:-2000])
    (image,) = find_images([str(path)]).images

    with pytest.raises(UnreadableImageError, match="cut off"):
        read_planes(image)


def test_images_of_one_ome_file_are_sites_and_take_no_place_of_its_planes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "plate.ome.tif") as file:
        for site in (0, 10):
            planes = np.arange(site, site + 4, dtype="uint8").reshape(2, 2, 1, 1)
            file.write(np.broadcast_to(planes, (2, 2, 4, 5)), metadata={"axes": "CZYX"})
    (image,) = find_images([str(tmp_path)]).images

    assert [
        (int(pixels[0, 0]), said["site"], said["channel"], said["z_index"])
        for pixels, said in read_planes(image)
    ] == [
        (site + 2 * channel + z, name, str(channel + 1), z + 1)
        for name, site in (("plate.ome", 0), ("plate.ome (site 2)", 10))
        for channel in (0, 1)
        for z in (0, 1)
    ]


def test_images_of_an_ome_file_whose_name_says_the_site_are_told_apart_by_the_channel(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "Assay_A01_s3_w2.ome.tif") as file:
        for grey in (1, 2):
            file.write(np.full((4, 5), grey, "uint8"), metadata={"axes": "YX"})
    (image,) = find_images([str(tmp_path)]).images

    found = [(int(pixels[0, 0]), said["site"], said["channel"]) for pixels, said in read_planes(image)]

    assert found == [(1, 3, "2 (site 1)"), (2, 3, "2 (site 2)")]
