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
from hcs_stream.sending import Choice
from hcs_stream.sending._finding import NoSuchImageError, choose, find_images
from hcs_stream.sending._found_images import FoundImage, of_no_plate
from hcs_stream.sending._planes import read_planes


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


def test_a_well_that_is_not_there_is_named_with_the_reason(tmp_path: Path) -> None:
    wells = [{"path": f"A/{column}", "rowIndex": 0, "columnIndex": column} for column in (1, 2)]
    store = zarr.open_group(tmp_path / "part.zarr", mode="w", zarr_format=2)
    store.attrs["plate"] = {"wells": wells}
    store.create_group("A/1").attrs["well"] = {"images": [{"path": "0"}]}
    axes = [{"name": "y"}, {"name": "x"}]
    store.create_group("A/1/0").attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0"}]}]
    store.create_array("A/1/0/0", shape=(4, 5), dtype="u2")

    found = find_images([str(tmp_path / "part.zarr")])

    assert [image.keywords["well"] for image in found.images] == ["A01"]
    assert "No such file" in found.unreadable[tmp_path / "part.zarr" / "A" / "2"]
    assert "of broken metadata" not in found.skipped


def test_a_glob_may_begin_with_a_folder_whose_name_has_brackets(plate: Path) -> None:
    plate = plate.rename(plate.parent / "plate [1]")

    assert len(find_images([str(plate / "*.TIF")]).images) == 2


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


def write(path: Path, *, text: str = "") -> Path:
    """Write a small image, or a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if text:
        path.write_text(text, encoding="latin-1", newline="")
    else:
        tifffile.imwrite(path, np.ones((4, 5), "uint16"))
    return path


def test_files_below_folders_of_planes_are_looked_up_on_their_plate(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path / f"plate/TimePoint_{number}/ZStep_0/P_A01_s1_w1.TIF")
    write(tmp_path / "plate/P.HTD", text=format_htd({"1": "DAPI"}))

    found = find_images([str(tmp_path / "plate" / "TimePoint_*" / "ZStep_*" / "*.TIF")])

    said = [(image.keywords["timepoint"], image.keywords["channel"]) for image in found.images]
    assert said == [(1, "DAPI"), (2, "DAPI")]


def test_a_file_in_the_current_folder_of_planes_is_looked_up_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "plate/TimePoint_2/P_A01_s1_w1.TIF")
    monkeypatch.chdir(path.parent)

    (image,) = find_images([path.name]).images

    assert image.keywords["timepoint"] == 2


@pytest.mark.parametrize("said", ["day */Screen", "day */Screen/*.tif"])
def test_plates_of_one_name_in_several_folders_are_told_apart(said: str, tmp_path: Path) -> None:
    for day in (1, 2):
        write(tmp_path / f"day {day}/Screen/A01_s1_w1.tif")
        write(tmp_path / f"day {day}/Screen/B0{day}_s1_w1.tif")

    found = find_images([str(tmp_path / said)])

    plates = [image.keywords["plate"] for image in found.images]
    assert plates == ["Screen", "Screen", "Screen (day 2/Screen)", "Screen (day 2/Screen)"]


def test_one_plate_named_in_two_ways_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "Screen/A01_s1_w1.tif")
    monkeypatch.chdir(tmp_path)

    found = find_images(["Screen", str(tmp_path / "Screen"), str(tmp_path / "Screen/*.tif")])

    assert [image.keywords["plate"] for image in found.images] == ["Screen"]


def test_files_of_one_name_have_places_of_their_own(tmp_path: Path) -> None:
    names = ("overview.tif", "overview.tiff", "one/overview.tif", "two/overview.tif", "two/overview.tiff")
    paths = [str(write(tmp_path / name)) for name in names]

    sites = [image.keywords["site"] for image in find_images(paths).images]

    assert sites[:4] == ["overview", "overview.tiff", "one/overview", "two/overview"]
    assert len(set(sites)) == 5


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


def test_pictures_in_a_folder_without_tiff_are_shown_by_their_names(tmp_path: Path) -> None:
    for name in ("one/a.png", "two/a.PNG", "two/._a.PNG", "notes.txt"):
        write(tmp_path / name, text="anything")

    found = find_images([str(tmp_path)])

    assert [image.keywords["site"] for image in found.images] == ["a", "two/a"]
