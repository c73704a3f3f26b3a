import os
import pickle
import random
from pathlib import Path

import pytest

from hcs_protocol import HcsError
from hcs_stream.microscopes import (
    NoImagesError,
    NotAPlateFolderError,
    Plate,
    PlateNotFoundError,
    open_plate,
)

PLATES = os.environ.get("HCS_TEST_PLATES")


@pytest.fixture
def real_plate() -> Plate:
    if PLATES is None:
        pytest.skip("HCS_TEST_PLATES does not say where the makers' plates are")
    return open_plate(Path(PLATES) / "imagexpress-projection-mix")


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_real_plate_has_its_planes_and_projections(real_plate: Plate) -> None:
    projections = [image for image in real_plate.images if image.z_index is None]

    assert real_plate.name == "Projection-Mix"
    assert (len(real_plate.images), len(projections)) == (96, 12)
    assert {image.well for image in real_plate.images} == {"E07", "E08"}
    assert {image.channel for image in real_plate.images} == {"1", "2", "3", "4"}


def test_a_real_plates_images_have_an_address_each(real_plate: Plate) -> None:
    addresses = {(image.well, image.site, image.channel, image.z_index) for image in real_plate.images}

    assert len(addresses) == len(real_plate.images)


def test_a_real_plates_thumbnails_are_skipped(real_plate: Plate) -> None:
    skipped = {reason: len(paths) for reason, paths in real_plate.skipped.items()}

    assert skipped == {"thumbs": 96, "hidden": 0, "other": 1}
    assert real_plate.unparsed == ()


def test_images_are_in_natural_order(tmp_path: Path) -> None:
    names = [
        "P_A01_s2_w1.tif",
        "ZStep_2/P_A01_s2_w1.tif",
        "ZStep_10/P_A01_s2_w1.tif",
        "P_A01_s2_w10.tif",
        "P_A01_s10_w1.tif",
        "P_A2_s1_w1.tif",
        "P_A10_s1_w1.tif",
        "P_Z01_s1_w1.tif",
        "P_AA01_s1_w1.tif",
    ]
    touch(tmp_path, *random.Random(0).sample(names, len(names)))

    plate = open_plate(tmp_path)

    assert [image.path.relative_to(tmp_path).as_posix() for image in plate.images] == names


def test_an_unknown_name_is_listed_and_not_lost(tmp_path: Path) -> None:
    touch(tmp_path, "P_A01_s1_w1.tif", "overview.tif", "notes/overview 2.TIFF")

    plate = open_plate(tmp_path)

    assert len(plate.images) == 1
    assert plate.unparsed == (tmp_path / "notes/overview 2.TIFF", tmp_path / "overview.tif")


def test_what_is_no_image_is_skipped_with_a_reason(tmp_path: Path) -> None:
    touch(tmp_path, "P_A01_s1_w1.tif", "P_A01_s1_w1_Thumb.TIF", "P.HTD", "._P_A01_s1_w1.tif")

    plate = open_plate(tmp_path)

    assert [image.path.name for image in plate.images] == ["P_A01_s1_w1.tif"]
    assert plate.skipped == {
        "thumbs": (tmp_path / "P_A01_s1_w1_Thumb.TIF",),
        "hidden": (tmp_path / "._P_A01_s1_w1.tif",),
        "other": (tmp_path / "P.HTD",),
    }


def test_a_hidden_folder_above_the_plate_hides_nothing(tmp_path: Path) -> None:
    touch(tmp_path / ".cache", "P_A01_s1_w1.tif")

    assert len(open_plate(tmp_path / ".cache").images) == 1


def test_two_plates_in_a_folder_are_named_after_it(tmp_path: Path) -> None:
    touch(tmp_path / "screen", "P_A01_s1_w1.tif", "Q_A01_s1_w1.tif")

    assert open_plate(tmp_path / "screen").name == "screen"


def test_a_folder_may_be_given_as_text(tmp_path: Path) -> None:
    touch(tmp_path, "P_A01_s1_w1.tif")

    assert open_plate(str(tmp_path)) == open_plate(tmp_path)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")

    with pytest.raises(NoImagesError, match="or an OME-NGFF plate, found 1 file of other kinds") as caught:
        open_plate(tmp_path)

    assert isinstance(caught.value, LookupError)


def test_files_that_are_to_be_converted_first_are_told_of(tmp_path: Path) -> None:
    touch(tmp_path, "P_A01f00d0.C01", "P_A01f00d1.C01", "P.mdb")

    with pytest.raises(NoImagesError, match=r"3 files of other kinds \(\.C01, \.mdb\)") as caught:
        open_plate(tmp_path)

    assert str(caught.value).endswith("; export such files as TIFF, or convert them with bioformats2raw")


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "P_A01_s1_w1.tif")

    with pytest.raises(NotAPlateFolderError, match="wanted the folder") as caught:
        open_plate(tmp_path / "P_A01_s1_w1.tif")

    assert isinstance(caught.value, NotADirectoryError)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlateNotFoundError, match="found nothing at") as caught:
        open_plate(tmp_path / "gone")

    assert isinstance(caught.value, FileNotFoundError)


def close(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody look into a folder, not even root."""
    scandir = os.scandir

    def but_one(path: Path) -> object:
        if path == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", but_one)


def test_a_folder_that_may_not_be_looked_into_is_named_and_the_others_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "P_A01_s1_w1.tif", "ZStep_1/P_A01_s1_w1.tif")
    close(tmp_path / "ZStep_1", monkeypatch)

    plate = open_plate(tmp_path)

    assert (len(plate.images), plate.unparsed) == (1, (tmp_path / "ZStep_1",))
    assert "Permission denied" in plate.unreadable[tmp_path / "ZStep_1"]


def test_a_folder_whose_images_may_all_be_in_a_closed_one_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "closed/P_A01_s1_w1.tif")
    close(tmp_path / "closed", monkeypatch)

    with pytest.raises(NoImagesError, match=r"cannot look into '.*closed'"):
        open_plate(tmp_path)


def test_the_plates_own_folder_has_to_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    close(tmp_path, monkeypatch)

    with pytest.raises(PermissionError):
        open_plate(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        NoImagesError(Path("p"), 3, {Path("p/q"): "closed"}),
        NoImagesError(Path("p"), 1, single_images=(Path("p/a.zarr"), Path("p/b.zarr"))),
        NotAPlateFolderError(Path("p")),
        PlateNotFoundError(Path("p")),
    ],
)
def test_an_error_travels_between_processes(error: HcsError) -> None:
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
