"""Images whose names would give them one address."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from hcs_stream.microscopes import open_plate, parse_paths
from hcs_stream.storage import ZarrPlate

Touch = Callable[..., Path]


def addresses(folder: Path) -> list[tuple[object, ...]]:
    images = open_plate(folder).images
    return [(image.site, image.channel, image.timepoint, image.path.name) for image in images]


def cellvoyager(timepoint: int, timeline: int, action: int, channel: int) -> str:
    return f"P_B03_T{timepoint:04d}F001L{timeline:02d}A{action:02d}Z01C{channel:02d}.tif"


def test_timepoints_of_a_second_timeline_come_after_those_of_the_first(touch: Touch) -> None:
    names = [cellvoyager(timepoint, timeline, 1, 1) for timeline in (1, 2) for timepoint in (1, 2)]

    assert addresses(touch(*names)) == [
        (1, "1", timepoint, name) for timepoint, name in enumerate(names, start=1)
    ]


def test_a_channel_that_two_actions_take_is_two_channels(touch: Touch) -> None:
    names = [cellvoyager(1, 1, 1, 1), cellvoyager(1, 1, 2, 1), cellvoyager(1, 1, 3, 2)]

    channels = ["1 (action 1)", "1 (action 2)", "2"]
    assert addresses(touch(*names)) == [
        (1, channel, 1, name) for channel, name in zip(channels, names, strict=True)
    ]


def test_actions_of_different_channels_are_only_those(touch: Touch) -> None:
    images = open_plate(touch(*(cellvoyager(1, 1, action, action) for action in (1, 2, 3)))).images

    assert [image.channel for image in images] == ["1", "2", "3"]


def test_read_steps_of_one_channel_are_channels_of_their_own(touch: Touch) -> None:
    names = [f"A1_0{step}_1_{site}_DAPI_001.tif" for site in (1, 2) for step in (1, 2)]

    assert addresses(touch(*names)) == [
        (1, "DAPI (step 1)", 1, names[0]),
        (1, "DAPI (step 2)", 1, names[1]),
        (2, "DAPI (step 1)", 1, names[2]),
        (2, "DAPI (step 2)", 1, names[3]),
    ]


def test_a_channel_that_one_step_takes_twice_is_two_channels(touch: Touch) -> None:
    names = [
        "A1_01_1_1_GFP_001.tif",
        "A1_01_2_1_DAPI_001.tif",
        "A1_01_3_1_GFP_001.tif",
        "A1_02_1_1_GFP_001.tif",
    ]

    assert addresses(touch(*names)) == [
        (1, "DAPI", 1, names[1]),
        (1, "GFP (step 1) (number 1)", 1, names[0]),
        (1, "GFP (step 1) (number 3)", 1, names[2]),
        (1, "GFP (step 2)", 1, names[3]),
    ]


def test_fast_kinetics_go_on_in_time(touch: Touch) -> None:
    names = [f"Images/r01c01f01p01-ch1sk{slow}fk{fast}fl1.tiff" for slow in (1, 2) for fast in (1, 2, 3)]

    assert [timepoint for _, _, timepoint, _ in addresses(touch(*names))] == [1, 2, 3, 4, 5, 6]


def test_of_images_that_nothing_tells_apart_one_is_kept_and_the_others_are_named(touch: Touch) -> None:
    plate = open_plate(touch("A1_s1_w1.tif", "A01_s1_w1.tif", "A001_s1_w1.tif", "A01_s1_w2.tif"))

    assert [image.path.name for image in plate.images] == ["A001_s1_w1.tif", "A01_s1_w2.tif"]
    assert [path.name for path in plate.skipped["duplicates"]] == ["A01_s1_w1.tif", "A1_s1_w1.tif"]


def test_a_preview_takes_no_images_place(touch: Touch) -> None:
    plate = open_plate(touch("A01_s1_w1.jpg", "A01_s1_w1.png", "A01_s1_w1.tif", "A01_s2_w1.png"))

    assert [image.path.name for image in plate.images] == ["A01_s1_w1.tif", "A01_s2_w1.png"]
    assert [path.name for path in plate.skipped["duplicates"]] == ["A01_s1_w1.jpg", "A01_s1_w1.png"]


def test_an_ending_in_two_spellings_is_the_same_image_twice(touch: Touch) -> None:
    plate = open_plate(touch("a/P_A01_s1_w1.tif", "b/P_A01_s1_w1.tif", "b/P_A01_s1_w1.TIFF"))

    assert [image.plate for image in plate.images] == ["P (a)", "P (b)"]
    assert [path.name for path in plate.skipped["duplicates"]] == ["P_A01_s1_w1.tif"]


def test_paths_that_are_read_together_are_told_apart() -> None:
    names = ["Images/r01c01f01p01-ch1sk1fk1fl1.tiff", "Images/r01c01f01p01-ch1sk1fk2fl1.tiff", "holiday.tif"]

    first, second, nothing = parse_paths([Path("P", name) for name in names])

    assert first is not None
    assert second is not None
    assert (first.channel, second.channel, nothing) == ("1 (frame 1)", "1 (frame 2)", None)


def test_paths_of_two_folders_with_plates_of_one_name_are_told_apart() -> None:
    found = parse_paths(["a/P_A01_s1_w1.tif", "b/P_A01_s1_w1.tif", "b/P_A1_s1_w1.tif", "b/P_A02_s1_w1.tif"])

    assert [(image.plate, image.channel) for image in found if image is not None] == [
        ("P", "1"),
        ("P (b)", "1"),
        ("P", "1 (P_A1_s1_w1.tif)"),
        ("P", "1"),
    ]


def test_two_stores_of_one_name_are_two_plates(tmp_path: Path) -> None:
    for folder in ("before", "after"):
        ZarrPlate(tmp_path / folder / "p.zarr").write({"well": "A01"}, np.zeros((4, 4), np.uint8))

    assert [image.plate for image in open_plate(tmp_path).images] == ["p (after/p.zarr)", "p (before/p.zarr)"]
