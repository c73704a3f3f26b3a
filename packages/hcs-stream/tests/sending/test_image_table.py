"""Images as columns: each comes back as it was found, and those of a group stand together."""

import os
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import tifffile

from hcs_stream.sending import Found, ImageTable, find_images
from hcs_stream.sending._image_table import Columns, columns_of

PLATES = os.environ.get("HCS_TEST_PLATES", "")


def write(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        tifffile.imwrite(folder / name, np.zeros((4, 4), "uint8"))


def travelled(found: Found) -> ImageTable:
    """Return the table that comes out at the other end."""
    data = msgspec.msgpack.encode(columns_of(found))
    return ImageTable(msgspec.msgpack.decode(data, type=Columns))


@pytest.mark.skipif(not PLATES, reason="HCS_TEST_PLATES is not set")
@pytest.mark.parametrize("plate", ["imagexpress-projection-mix", "opera-phenix-v5", "cellvoyager-cv8000", ""])
def test_every_image_of_a_real_plate_comes_back_with_all_that_is_said_of_it(plate: str) -> None:
    found = find_images([str(Path(PLATES) / plate)])

    table = travelled(found)

    back = [table.image(row) for row in range(len(table))]
    assert sorted(back, key=lambda image: image.file.path) == sorted(
        found.images, key=lambda image: image.file.path
    )
    assert table.counts_skipped() == {why: len(paths) for why, paths in found.skipped.items()}


def test_images_of_one_well_stand_together_and_those_of_no_plate_are_last(tmp_path: Path) -> None:
    write(tmp_path, "A02_s1_w1_z1_t1.tif", "overview.tif", "A01_s10_w1_z1_t1.tif", "A01_s2_w1_z1_t1.tif")

    table = travelled(find_images([str(tmp_path)]))

    assert [(table.value("well", row), table.value("site", row)) for row in range(4)] == [
        ("A01", 2),
        ("A01", 10),
        ("A02", 1),
        (None, "overview"),
    ]
    assert table.image(3).keywords == {"site": "overview"}


def test_files_that_are_no_images_come_back_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path, "A01_s1_w1_z1_t1.tif")
    (tmp_path / "notes.txt").touch()

    table = travelled(find_images([str(tmp_path)]))

    assert table.skipped() == {"other": [tmp_path / "notes.txt"]}


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode there")
def test_names_that_are_no_unicode_lead_to_their_files(tmp_path: Path) -> None:
    write(tmp_path, "A01_s1_w1_z1_t1.tif")
    odd = os.fsdecode(b"\xff\xe9.tif")
    (tmp_path / "A01_s1_w1_z1_t1.tif").rename(tmp_path / odd)

    table = travelled(find_images([str(tmp_path)]))

    assert table.path(0) == tmp_path / odd
    assert table.path(0).exists()


def test_nothing_is_a_table_without_images() -> None:
    table = travelled(Found())

    assert (len(table), table.skipped(), table.folder_texts) == (0, {}, [])
