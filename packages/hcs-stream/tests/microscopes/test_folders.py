"""Folders as the field has them: hidden files, links, several plates, several makers."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hcs_stream.microscopes import Plate, PlateNotFoundError, UnknownMakerError, open_plate

Touch = Callable[..., Path]


def test_a_real_plate_of_cellomics_is_recognised(open_real_plate: Callable[[str], Plate]) -> None:
    plate = open_real_plate("cellomics-illum")

    assert (plate.maker, plate.name, len(plate.images)) == ("Cellomics", "AS_09047_050428030001", 6)
    assert {(image.well, image.site) for image in plate.images} == {
        (well, site) for well in ("O05", "O06") for site in range(3)
    }


def test_a_real_plate_of_imagexpress_says_its_pixel_size(open_real_plate: Callable[[str], Plate]) -> None:
    plate = open_real_plate("imagexpress-projection-mix")

    assert (plate.maker, plate.pixel_size) == ("ImageXpress", (1.3668, 1.3668))
    assert sum(image.z_index is not None for image in plate.images) == 84
    assert len(plate.skipped["thumbs"]) == 96


@pytest.mark.parametrize(
    ("maker", "names"),
    [
        ("ImageXpress", ["P_A01_s1_w1.tif", "P_A01_s2_w1.tif"]),
        ("Opera Phenix", ["r01c01f01p01-ch1sk1fk1fl1.tiff", "003003-1-001001001.tif"]),
        ("CellVoyager", ["P_A01_T0001F001L01A01Z01C01.tif", "P_A01_T0001F001L01A01Z02C01.tif"]),
        ("IN Cell", ["A - 01(fld 1 wv 390 - Blue).tif", "A - 02(fld 1 wv 390 - Blue).tif"]),
        ("Cytation", ["A1_01_1_4_Phase Contrast_001.tif", "A2_-1_1_1_Tsf[Phase Contrast]_001.tif"]),
        ("Cellomics", ["AS_A01f00d0.TIF", "AS_A01f01d0.TIF"]),
        ("OpenHCS", ["A01_s1_w1_z1_t1.tif", "A01_s2_w1_z1_t1.tif"]),
    ],
)
def test_the_maker_is_recognised_by_the_names(touch: Touch, maker: str, names: list[str]) -> None:
    plate = open_plate(touch(*names))

    assert (plate.maker, len(plate.images), plate.unparsed) == (maker, len(names), ())


def test_a_metadata_file_decides_before_the_names_do(touch: Touch) -> None:
    names = ["A01_s1_w1.tif", "A02_s1_w1.tif", "r01c01f01p01-ch1sk1fk1fl1.tiff"]
    folder = touch(*names, "Index.idx.xml")

    plate = open_plate(folder)

    assert len(plate.images) == 3
    assert plate.unparsed == (folder / "Index.idx.xml",)  # it is empty


def test_a_plates_name_may_be_left_out_and_its_thumbnails_are_skipped(touch: Touch) -> None:
    guid = "BEDC2073-A983-4B98-95E9-84466707A25D"
    plate = open_plate(touch(f"Week1/G10_s1_w1{guid}.tif", f"Week1/G10_s1_w1_thumb{guid}.tif") / "Week1")

    assert [(image.plate, image.well) for image in plate.images] == [("Week1", "G10")]
    assert (plate.maker, len(plate.skipped["thumbs"])) == ("ImageXpress", 1)


@pytest.mark.parametrize(
    "names",
    [
        [f"Stack_Z{plane:03d}.tif" for plane in range(1, 121)],
        ["img_C1.tif", "img_C2.tif", "other_C1.tif"],
        ["cells_T1.tif"],
        ["A01/c1_z01.tif", "A01/c1_z02.tif", "A01/c2_z01.tif", "B02/c1_z01.tif"],
        ["t0_z0.tif", "t1_z0.tif", "t2_z0.tif"],
        ["s1_w1.png", "s1_w2.png", "s2_w1.tif"],
    ],
)
def test_what_counts_planes_timepoints_or_channels_is_no_well(touch: Touch, names: list[str]) -> None:
    plate = open_plate(touch(*names))

    assert (len(plate.images), len(plate.unparsed)) == (0, sum(name.endswith(".tif") for name in names))


@pytest.mark.parametrize(
    "names",
    [
        ["P_B01.tif", "P_C01.tif", "P_C02.tif"],
        ["P_C05.tif", "P_C06.tif"],
        ["P_E01.tif"],
        ["TimePoint_1/P_C01.tif"],
        ["P_C01.tif", "P.HTD"],
        ["C01_s1_z1.tif", "C02_s1_z1.tif"],
        ["c1_s1_w1.tif", "c2_s1_w1.tif"],
        ["b1_z1.tif", "c1_z1.tif"],
    ],
)
def test_a_well_alone_is_enough_where_nothing_is_counted(touch: Touch, names: list[str]) -> None:
    plate = open_plate(touch(*names))

    assert len(plate.images) == sum(name.endswith(".tif") for name in names)


@pytest.mark.parametrize(
    "names",
    [
        ["exp_A01_F001.tif", "exp_A01_F002.tif"],
        ["exp_A01_P05.tif", "exp_B02_P05.tif"],
        ["exp_A01_F002_T001_Z001_C03.ome.tif"],
        ["cells_A01_C1_F1_s01_w1.tif", "cells_B02_C1_F20_s01_w2.tif"],
    ],
)
def test_what_is_counted_in_a_well_is_no_well(touch: Touch, names: list[str]) -> None:
    plate = open_plate(touch(*names))

    assert (len(plate.images), len(plate.unparsed)) == (0, len(names))


@pytest.mark.parametrize(
    "names",
    [
        ["Screen_P1_B01.tif", "Screen_P1_C01.tif", "Screen_P2_F01.tif"],
        ["Screen_P1_F05.tif", "Screen_P1_F06.tif"],
        ["Donor_D3_P2_B01_s1_w1.tif", "Donor_D3_P2_C01_s1_w1.tif", "Donor_D4_P2_C01_s1_w1.tif"],
        ["Donor_D3_P2_C01_s1_w1.tif"],
        ["B02_C05_s1_w3.tif", "B03_C05_s1_w3.tif"],
    ],
)
def test_a_plates_name_may_end_like_a_well(touch: Touch, names: list[str]) -> None:
    plate = open_plate(touch(*names))

    assert [image.path.name for image in plate.images] == names


def test_what_one_grammar_does_not_know_another_may(touch: Touch) -> None:
    plate = open_plate(touch("P_A01_s1_w1.tif", "P_A02_s1_w1.tif", "A03_s1_w1_z1_t1.tif", "notes.tif"))

    assert plate.maker == "ImageXpress"
    assert [image.well for image in plate.images] == ["A01", "A02", "A03"]
    assert [path.name for path in plate.unparsed] == ["notes.tif"]


def test_a_maker_that_is_named_is_the_only_one_asked(touch: Touch) -> None:
    folder = touch("P_A01_s1_w1.tif", "A03_s1_w1_z1_t1.tif")

    plate = open_plate(folder, maker="openhcs")

    assert (plate.maker, [image.well for image in plate.images]) == ("OpenHCS", ["A03"])
    assert plate.unparsed == (folder / "P_A01_s1_w1.tif",)
    with pytest.raises(UnknownMakerError, match="did you mean 'OpenHCS'"):
        open_plate(folder, maker="OpenHSC")
    assert (open_plate(folder, maker="OME-NGFF").maker, open_plate(folder, maker="OME-NGFF").images) == (
        "",
        (),
    )


def test_plates_of_several_makers_lie_in_one_folder(touch: Touch) -> None:
    plate = open_plate(
        touch(
            "a/Images/r01c01f01p01-ch1sk1fk1fl1.tiff",
            "a/Images/r02c01f01p01-ch1sk1fk1fl1.tiff",
            "b/TimePoint_1/B_A01_s1_w1.TIF",
            "b/TimePoint_1/B_A01_s1_w1_thumb.TIF",
        )
    )

    assert plate.maker == "Opera Phenix"
    assert {(image.plate, image.well) for image in plate.images} == {
        ("a", "A01"),
        ("a", "B01"),
        ("B", "A01"),
    }
    assert len(plate.skipped["thumbs"]) == 1


def test_plates_whose_images_would_get_mixed_up_are_told_apart(touch: Touch) -> None:
    plate = open_plate(touch("a/1/P_A01_s1_w1.tif", "b/1/P_A01_s1_w1.tif"))

    assert {image.plate for image in plate.images} == {"P (a/1)", "P (b/1)"}


def test_an_image_that_was_taken_again_is_told_apart_by_its_folder(touch: Touch) -> None:
    plate = open_plate(touch("2023/1334/ZStep_1/P_E07_s1_w1.tif", "2024/9/ZStep_1/P_E07_s1_w1.tif"))

    assert {image.plate for image in plate.images} == {"P (2023/1334)", "P (2024/9)"}


def test_one_plate_may_have_a_folder_for_each_well(touch: Touch) -> None:
    plate = open_plate(touch("screen/A01/A01_s1_w1.tif", "screen/A02/A02_s1_w1.tif") / "screen")

    assert [image.plate for image in plate.images] == ["screen", "screen"]


def test_the_largest_plates_are_in_order(touch: Touch) -> None:
    wells = ["A01", "A48", "Z01", "AA01", "AF48"]
    plate = open_plate(touch(*(f"P_{well}_T0001F001L01A01Z01C01.tif" for well in reversed(wells))))

    assert [image.well for image in plate.images] == wells


def test_hidden_folders_are_not_entered(touch: Touch) -> None:
    folder = touch("A01_s1_w1.tif", ".snapshot/A01_s1_w1.tif", ".DS_Store")

    plate = open_plate(folder)

    assert len(plate.images) == 1
    assert plate.skipped["hidden"] == (folder / ".DS_Store", folder / ".snapshot")


def test_a_picture_that_is_no_image_of_the_plate_is_left_out(touch: Touch) -> None:
    folder = touch("A01_s1_w1.png", "A02_s1_w1.PNG", "map.png", "AS_A01f00o1.TIF", "AS_A01f00d1.TIF")

    plate = open_plate(folder)

    assert [image.path.name for image in plate.images] == [
        "AS_A01f00d1.TIF",
        "A01_s1_w1.png",
        "A02_s1_w1.PNG",
    ]
    assert plate.skipped["other"] == (folder / "map.png",)
    assert plate.skipped["overlays"] == (folder / "AS_A01f00o1.TIF",)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege here")
def test_links_are_followed_and_those_that_lead_nowhere_are_named(touch: Touch, tmp_path: Path) -> None:
    touch("elsewhere/A02_s1_w1.tif", "plate/A01_s1_w1.tif")
    plate = tmp_path / "plate"
    (plate / "A03_s1_w1.tif").symlink_to(tmp_path / "elsewhere/A02_s1_w1.tif")
    (plate / "A04_s1_w1.tif").symlink_to(tmp_path / "gone.tif")
    (plate / "A05_s1_w1.tif").symlink_to(plate / "A05_s1_w1.tif")
    (plate / "more").symlink_to(tmp_path / "elsewhere")
    (plate / "round").symlink_to(plate)

    found = open_plate(plate)

    assert [image.well for image in found.images] == ["A01", "A02", "A03"]
    assert found.skipped["broken"] == (plate / "A04_s1_w1.tif", plate / "A05_s1_w1.tif")


@pytest.mark.skipif(os.name == "nt", reason="no named pipes here")
def test_a_pipe_among_the_images_is_no_image(touch: Touch) -> None:
    folder = touch("A01_s1_w1.tif")
    os.mkfifo(folder / "A02_s1_w1.tif")

    assert open_plate(folder).skipped["broken"] == (folder / "A02_s1_w1.tif",)


def test_names_in_any_script_are_kept(touch: Touch) -> None:
    plate = open_plate(touch("größe, 細胞 (1)_A01_s1_w1.tif"))

    assert plate.name == "größe, 細胞 (1)"


def test_images_are_made_when_they_are_asked_for(touch: Touch) -> None:
    images = open_plate(touch(*(f"A{column:02d}_s1_w1.tif" for column in range(1, 13)))).images

    assert images[-1] == images[11] == tuple(images)[11]
    assert images[2:4] == (images[2], images[3])
    assert images == tuple(images)
    assert images != images[1:]
    assert hash(images) == hash(tuple(images))
    assert repr(images).startswith("<12 items, the first ImageFile(")
    with pytest.raises(IndexError):
        images[12]


def test_the_home_of_the_user_is_a_tilde(touch: Touch, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = touch("P/P_A01_s1_w1.tif")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))

    assert open_plate("~/P").folder == folder / "P"


def test_an_address_is_no_folder_and_says_what_to_do() -> None:
    with pytest.raises(PlateNotFoundError, match="mount or copy the folder"):
        open_plate("s3://bucket/plate.zarr")


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode there")
def test_a_name_that_is_no_unicode_gives_components_that_are(tmp_path: Path) -> None:
    for name in (b"P\xff_A01_s1_w1.tif", b"B1_01_1_1_Ph\xffase_001.tif"):
        open(os.fsencode(tmp_path) + b"/" + name, "wb").close()

    images = open_plate(tmp_path).images

    assert {(image.plate, image.channel) for image in images} == {("P?", "1"), (tmp_path.name, "Ph?ase")}
    assert all(image.path.exists() for image in images)


def test_a_folder_that_goes_away_meanwhile_keeps_no_other_from_being_listed(
    touch: Touch, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = touch("P_A01_s1_w1.tif", "gone/P_A02_s1_w1.tif")
    scandir = os.scandir

    def without_one(path: str) -> object:
        if os.path.basename(path) == "gone":
            raise FileNotFoundError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", without_one)

    assert [image.well for image in open_plate(folder).images] == ["A01"]
