"""What a command names: plates, files of plates, files of any name, globs."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from hcs_stream.config import well_filter
from hcs_stream.microscopes import NoMatchError, format_htd
from hcs_stream.sending import Choice
from hcs_stream.sending._finding import NOT_MATCHING, NoSuchImageError, choose, find_images
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


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="names are Unicode here")
def test_a_name_that_is_no_unicode_is_sent_all_the_same(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/10\xb5m.tif"))
    tifffile.imwrite(path, np.ones((4, 5), "uint16"))
    (image,) = find_images([str(tmp_path)]).images

    ((_, keywords),) = read_planes(image)

    assert keywords == {"site": "10?m"}


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


def test_with_a_pattern_images_of_other_names_are_left_out(plate: Path) -> None:
    write(plate / "A01-f2 GFP.tif", text="anything")

    found = find_images([str(plate)], pattern="{well}-f{site} {channel}.tif")

    (image,) = found.images
    assert (image.keywords["well"], image.keywords["site"], image.keywords["channel"]) == ("A01", 2, "GFP")
    assert sorted(path.name for path in found.skipped[NOT_MATCHING]) == [
        "Assay_A01_s1_w1.TIF",
        "Assay_B02_s1_w1.TIF",
    ]


def test_a_pattern_with_folders_reads_single_files_too(tmp_path: Path) -> None:
    for name in ("P/A01/1/DAPI.tif", "P/A01/1/overview.png", "P/B02/x/DAPI.tif"):
        write(tmp_path / name, text="anything")

    found = find_images([str(tmp_path / "P/*/*/*")], pattern="{well}/{site}/{channel}.tif")

    (image,) = found.images
    assert [image.keywords[part] for part in ("plate", "well", "site", "channel")] == ["P", "A01", 1, "DAPI"]
    assert [path.name for path in found.skipped[NOT_MATCHING]] == ["overview.png", "DAPI.tif"]


def test_pictures_are_read_by_a_pattern_or_not_shown(tmp_path: Path) -> None:
    for name in ("A01_f1.png", "A01_f2.PNG", "overview.png", "overview.jpg"):
        write(tmp_path / name, text="anything")

    found = find_images([str(tmp_path)], pattern="{well}_f{site}.png")

    assert [image.keywords["site"] for image in found.images] == [1, 2]
    assert {why: [path.name for path in paths] for why, paths in found.skipped.items()} == {
        NOT_MATCHING: ["overview.png"],
        "other": ["overview.jpg"],
    }
    with pytest.raises(NoMatchError):
        find_images([str(tmp_path)], pattern="{well}_s{site}.png")


def test_pictures_in_a_folder_without_tiff_are_shown_by_their_names(tmp_path: Path) -> None:
    for name in ("one/a.png", "two/a.PNG", "two/._a.PNG", "notes.txt"):
        write(tmp_path / name, text="anything")

    found = find_images([str(tmp_path)])

    assert [image.keywords["site"] for image in found.images] == ["a", "two/a"]
