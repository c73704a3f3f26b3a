"""Plates below a folder are opened each by itself."""

from pathlib import Path

import pytest

from hcs_stream.microscopes import NoImagesError, format_htd
from hcs_stream.sending import open_plates, reason


def make(folder: Path, plate: str, channel: str) -> None:
    folder.mkdir(parents=True)
    (folder / f"{plate}_A01_s1_w1.TIF").touch()
    (folder / f"{plate}.HTD").write_text(format_htd({"1": channel}), encoding="latin-1", newline="")


def test_each_plate_keeps_the_words_of_its_own_metadata(tmp_path: Path) -> None:
    make(tmp_path / "day 1" / "x", "First", "DAPI")
    make(tmp_path / "day 1" / "y", "Second", "FITC")
    make(tmp_path / "day 2", "Third", "Cy5")

    plates = open_plates(tmp_path)

    assert [(plate.name, plate.images[0].channel) for plate in plates] == [
        ("First", "DAPI"),
        ("Second", "FITC"),
        ("Third", "Cy5"),
    ]


def test_plates_of_one_name_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    make(tmp_path / "monday", "Assay", "DAPI")
    make(tmp_path / "tuesday", "Assay", "DAPI")

    plates = open_plates(tmp_path)

    assert [plate.name for plate in plates] == ["Assay (monday)", "Assay (tuesday)"]
    assert [plate.images[0].plate for plate in plates] == ["Assay (monday)", "Assay (tuesday)"]


def test_what_lies_beside_the_plates_is_not_forgotten(tmp_path: Path) -> None:
    make(tmp_path / "monday", "First", "DAPI")
    make(tmp_path / "tuesday", "Second", "DAPI")
    (tmp_path / "notes.txt").touch()

    *_, rest = open_plates(tmp_path)

    assert (rest.images, rest.skipped["other"]) == ((), (tmp_path / "notes.txt",))


def test_plates_in_one_folder_are_opened_together(tmp_path: Path) -> None:
    for plate in ("First", "Second"):
        (tmp_path / f"{plate}_A01_s1_w1.TIF").touch()

    (both,) = open_plates(tmp_path)

    assert {image.plate for image in both.images} == {"First", "Second"}


def test_plates_of_a_pattern_are_opened_each_by_itself(tmp_path: Path) -> None:
    for name in ("First/A01/f1.tif", "Second/A01/f1.tif", "notes.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    first, second, rest = open_plates(tmp_path, pattern="{well}/f{site}.tif")

    assert [(plate.name, len(plate.images)) for plate in (first, second)] == [("First", 1), ("Second", 1)]
    assert rest.unparsed == (tmp_path / "notes.tif",)


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoImagesError):
        open_plates(tmp_path)


def test_reasons_are_words() -> None:
    assert [reason("thumbs", 2), reason("corrections", 1), reason("other", 1), reason("other", 3)] == [
        "2 thumbs",
        "1 correction",
        "1 other file",
        "3 other files",
    ]
