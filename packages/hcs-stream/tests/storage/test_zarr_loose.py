"""Images that have no place on a plate."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hcs_stream.storage import FileManager, ImageNotFoundError, StorageWriteError, UnsafePathError, ZarrPlate

IMAGE = np.arange(12, dtype=np.uint16).reshape(3, 4)
SAVES_OFTEN = """
import sys
import numpy as np
from hcs_stream.storage import FileManager

for _ in range(20):
    FileManager().save(np.full((64, 64), int(sys.argv[2]), np.uint16), sys.argv[1], "zarr")
"""


@pytest.fixture
def filemanager() -> FileManager:
    """A file manager."""
    return FileManager()


def test_an_image_does_not_take_the_place_of_a_folder_of_images(
    tmp_path: Path, filemanager: FileManager
) -> None:
    plate = tmp_path / "p.zarr"
    filemanager.save(IMAGE, plate / "controls" / "one.tif", "zarr")

    with pytest.raises(StorageWriteError, match="there is a folder of that name"):
        filemanager.save(IMAGE, plate / "controls", "zarr")

    assert filemanager.exists(plate / "controls" / "one.tif", "zarr")


@pytest.mark.parametrize("name", [".A01_s1_w1.tif", "__A01_s1_w1.tif", "zarr.json"])
def test_a_name_that_zarr_hides_is_refused_before_anything_is_written(
    name: str, tmp_path: Path, filemanager: FileManager
) -> None:
    with pytest.raises(UnsafePathError, match="none of zarr's own"):
        filemanager.save(IMAGE, tmp_path / "p.zarr" / name, "zarr")

    assert not filemanager.exists(tmp_path / "p.zarr" / name, "zarr")
    assert not filemanager.exists(tmp_path / "p.zarr" / "A01_s1_w1.tif", "zarr")


def test_images_of_all_plates_below_a_folder_are_listed(tmp_path: Path, filemanager: FileManager) -> None:
    names = ["blur/A01_s1_w1.tif", "blur/holiday.tif", "mask.zarr/A01_s1_w1.tif", "mask.zarr/sub/holiday.tif"]
    paths = [tmp_path / name for name in names]
    filemanager.save_batch([IMAGE] * len(paths), paths, "zarr")

    assert filemanager.list_images(tmp_path, "zarr", recursive=True) == paths
    assert filemanager.list_images(tmp_path, "zarr") == []
    assert filemanager.list_images(tmp_path / "mask.zarr" / "sub", "zarr") == paths[3:]
    with pytest.raises(ImageNotFoundError):
        filemanager.list_images(tmp_path / "mask.zarr" / "nothing", "zarr")


def test_a_folder_may_be_named_as_arrays_are(tmp_path: Path, filemanager: FileManager) -> None:
    paths = [tmp_path / "p.zarr" / "run" / "0" / name for name in ("one.tif", "two.tif")]

    filemanager.save_batch([IMAGE, IMAGE], paths, "zarr")

    assert filemanager.list_images(tmp_path / "p.zarr", "zarr", recursive=True) == paths


def test_what_a_killed_writer_left_is_swept_up_when_it_is_old(
    tmp_path: Path, filemanager: FileManager
) -> None:
    plate = tmp_path / "p.zarr"
    filemanager.save(IMAGE, plate / "one.tif", "zarr")
    old, new = (plate / "images" / f".hcs-{name}" for name in ("old", "new"))
    for leftover in (old, new):
        shutil.copytree(plate / "images" / "one.tif", leftover)
    os.utime(old, (0, 0))

    ZarrPlate(plate).finalise()

    assert not old.exists()
    assert new.exists()
    assert filemanager.list_images(plate, "zarr") == [plate / "one.tif"]


def test_what_another_process_writes_or_removes_right_now_is_not_looked_at(
    tmp_path: Path, filemanager: FileManager
) -> None:
    plate = tmp_path / "p.zarr"
    filemanager.save(IMAGE, plate / "A01_s1_w1.tif", "zarr")
    half = plate / "images" / ".hcs-half" / "0"
    half.mkdir(parents=True)
    (half / "zarr.json").write_bytes(b'{"zarr_for')

    with pytest.raises(ImageNotFoundError):
        filemanager.load(plate / "one.tif", "zarr")
    assert filemanager.list_images(plate, "zarr") == [plate / "A01_s1_w1.tif"]


def test_no_image_lies_in_another(tmp_path: Path, filemanager: FileManager) -> None:
    plate = tmp_path / "p.zarr"
    filemanager.save(IMAGE, plate / "one.tif", "zarr")

    with pytest.raises(StorageWriteError, match=r"'one\.tif' is an image"):
        filemanager.save(IMAGE, plate / "one.tif" / "two.tif", "zarr")

    assert filemanager.list_images(plate, "zarr", recursive=True) == [plate / "one.tif"]


def test_several_processes_save_one_image_at_once_and_readers_find_one_of_theirs(
    tmp_path: Path, filemanager: FileManager
) -> None:
    path = tmp_path / "p.zarr" / "montage.tif"
    writers = [subprocess.Popen([sys.executable, "-c", SAVES_OFTEN, path, str(n)]) for n in (1, 2, 3)]

    while any(writer.poll() is None for writer in writers):
        try:
            found = set(np.unique(filemanager.load(path, "zarr")).tolist())
        except ImageNotFoundError:
            continue
        assert len(found) == 1
        assert found < {1, 2, 3}

    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert filemanager.list_images(path.parent, "zarr") == [path]
    assert not [found for found in path.parent.rglob("*") if found.name.startswith(".hcs-")]
