"""Which folder lends a plate its name, where neither names nor metadata say it."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from hcs_stream.microscopes import open_plate

Touch = Callable[..., Path]


def plates(touch: Touch, names: Iterable[str]) -> set[str]:
    """Return the plates of these files in a folder that is called `root`."""
    return {image.plate for image in open_plate(touch(*(f"root/{name}" for name in names)) / "root").images}


@pytest.mark.parametrize("other", ["A1_01_1_1_DAPI_001.tif", "B1_01_1_1_DAPI_001.tif"])
def test_a_folder_is_a_plate_whether_or_not_another_has_the_same_wells(touch: Touch, other: str) -> None:
    names = ["Plate1/A1_01_1_1_DAPI_001.tif", f"Plate2/{other}"]

    assert plates(touch, names[:1]) == {"Plate1"}
    assert plates(touch, names) == {"Plate1", "Plate2"}


@pytest.mark.parametrize(
    "names",
    [
        ["A01_s1_w1.tif", "more/A02_s1_w1.tif"],
        ["A01/A01_s1_w1.tif", "A02/A02_s1_w1.tif"],
        ["Well A1/A01_s1_w1.tif"],
        ["row A/A01_s1_w1.tif", "B/B01_s1_w1.tif"],
        ["W0001F0001/A01_s1_w1.tif", "W0002F0001/A02_s1_w1.tif"],
        ["r01c01/r01c01f01p01-ch1.tiff", "r01c02/r01c02f01p01-ch1.tiff"],
        ["DAPI/A01_s1_w1.tif", "GFP/A01_s1_w2.tif"],
        ["first hour/A01_s1_w1_z1_t1.tif", "second hour/A01_s1_w1_z1_t2.tif"],
        ["A01/left/A01_s1_w1.tif", "A01/right/A01_s2_w1.tif", "A02/left/A02_s1_w1.tif"],
    ],
)
def test_folders_of_wells_channels_and_times_are_parts_of_one_plate(touch: Touch, names: list[str]) -> None:
    assert plates(touch, names) == {"root"}


def test_plates_may_have_a_folder_for_each_channel(touch: Touch) -> None:
    names = (f"{plate}/{channel}/A01_s1_w{channel[-1]}.tif" for plate in "PQ" for channel in ("w 1", "w 2"))

    assert plates(touch, names) == {"P", "Q"}


def test_folders_of_one_name_are_told_apart_by_those_above(touch: Touch) -> None:
    names = ["day 1/scan/A01_s1_w1.tif", "day 2/scan/A02_s1_w1.tif"]

    assert plates(touch, names) == {"scan (day 1/scan)", "scan (day 2/scan)"}


def test_what_looks_like_a_part_and_has_the_same_images_is_a_plate(touch: Touch) -> None:
    assert plates(touch, ["T1/A01_s1_w1.tif", "T2/A01_s1_w1.tif"]) == {"T1", "T2"}


def test_the_name_in_a_files_name_decides_before_its_folder(touch: Touch) -> None:
    assert plates(touch, ["x/P_A01_s1_w1.tif", "y/P_B01_s1_w1.tif"]) == {"P"}
