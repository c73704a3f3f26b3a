"""Which paths belong to the places of a plate, while several writers are at it."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hcs_protocol import UnsupportedArrayError
from hcs_stream.storage import FileManager, ImageNotFoundError, ZarrPlate
from hcs_stream.storage._zarr_names import Found, claim, forget, names_of
from hcs_stream.storage._zarr_paths import PlatePath

IMAGE = np.arange(30, dtype=np.uint16).reshape(5, 6)
SITES = range(1, 21)
SAVES = """
import os, signal, sys
import numpy as np
from pathlib import Path
from hcs_stream.storage import FileManager

class Deadly:
    shape = (64, 64)

    def __array__(self):
        os.kill(os.getpid(), signal.SIGKILL)

folder, grey, last = sys.argv[1:]
images = [np.full((64, 64), int(grey), np.uint16) for _ in range(20)]
images[-1] = Deadly() if last == "deadly" else images[-1]
paths = [Path(folder, f"A01_s{site}_w1.tif") for site in range(1, 21)]
print("ready", flush=True)
sys.stdin.readline()
FileManager().save_batch(images, paths, "zarr")
"""


def start_saving(folder: Path, grey: int, last: str = "harmless") -> subprocess.Popen[str]:
    """Start a process that saves a batch once it is told so."""
    command = [sys.executable, "-c", SAVES, str(folder), str(grey), last]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def save_at_once(*writers: subprocess.Popen[str]) -> list[int]:
    """Let processes save, when all are ready for it; return how they ended."""
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("\n")
    return [writer.wait() for writer in writers]


def stack_at(plate: ZarrPlate, name: str, count: int) -> dict[str, Found]:
    """Return where a stack of so many planes is to lie."""
    place = PlatePath(plate.folder / name).place
    assert place is not None
    return {name: Found(place, plate.reserve(place, np.stack([IMAGE] * count))[1])}


def test_batches_whose_paths_mean_the_same_places_keep_all_images_apart(tmp_path: Path) -> None:
    folders = [tmp_path / "p.zarr" / name for name in ("a", "b")]

    ended = save_at_once(*(start_saving(folder, grey) for grey, folder in enumerate(folders, start=1)))

    filemanager = FileManager()
    assert ended == [0, 0]
    for grey, folder in enumerate(folders, start=1):
        for site in SITES:
            assert (filemanager.load(folder / f"A01_s{site}_w1.tif", "zarr") == grey).all()
    assert len(filemanager.list_images(tmp_path / "p.zarr", "zarr", recursive=True)) == 2 * len(SITES)


def test_a_place_belongs_to_the_first_name_also_before_its_image_is_written(tmp_path: Path) -> None:
    first, second = (ZarrPlate(tmp_path / "p.zarr") for _ in range(2))  # as in two processes

    assert claim(first, stack_at(first, "a/A01_s1.tif", 2)) == {"a/A01_s1.tif"}
    assert claim(second, stack_at(second, "b/A01_s1.tif", 3)) == set()
    assert claim(second, stack_at(second, "a/A01_s1.tif", 3)) == {"a/A01_s1.tif"}


def test_a_name_whose_image_was_not_written_is_not_listed_and_may_be_saved(tmp_path: Path) -> None:
    filemanager, path = FileManager(), tmp_path / "p.zarr" / "A01_s1.tif"
    plate = ZarrPlate(tmp_path / "p.zarr")
    claim(plate, stack_at(plate, path.name, 2))

    assert filemanager.list_images(path.parent, "zarr") == []
    assert not filemanager.exists(path, "zarr")
    with pytest.raises(ImageNotFoundError):
        filemanager.load(path, "zarr")

    filemanager.save(IMAGE, path, "zarr")
    assert filemanager.list_images(path.parent, "zarr") == [path]
    np.testing.assert_array_equal(filemanager.load(path, "zarr"), IMAGE)


def test_an_image_that_another_was_about_to_replace_is_still_there(tmp_path: Path) -> None:
    filemanager, path = FileManager(), tmp_path / "p.zarr" / "A01_s1.tif"
    filemanager.save(IMAGE.astype(np.float32), path, "zarr")
    plate = ZarrPlate(tmp_path / "p.zarr")

    claim(plate, stack_at(plate, path.name, 2))  # and then its writer was killed

    np.testing.assert_array_equal(filemanager.load(path, "zarr"), IMAGE)
    assert filemanager.list_images(path.parent, "zarr") == [path]


def test_planes_that_an_image_no_longer_needs_are_kept_for_whom_they_belong_to(tmp_path: Path) -> None:
    filemanager, folder = FileManager(), tmp_path / "p.zarr"
    filemanager.save(np.stack([IMAGE] * 3), folder / "A01_s1.tif", "zarr")
    plate = ZarrPlate(folder)
    [(name, before)] = names_of(plate)

    claim(plate, stack_at(plate, "A01_s1.tif", 2))
    filemanager.save(IMAGE + 1, folder / "A01_s1_z3.tif", "zarr")
    forget(plate, name, before)

    np.testing.assert_array_equal(filemanager.load(folder / "A01_s1_z3.tif", "zarr"), IMAGE + 1)
    assert filemanager.load(folder / "A01_s1.tif", "zarr").shape == (2, 5, 6)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_what_a_batch_wrote_before_its_process_was_killed_is_listed(tmp_path: Path) -> None:
    filemanager, folder = FileManager(), tmp_path / "p.zarr"

    assert save_at_once(start_saving(folder, 7, last="deadly")) == [-signal.SIGKILL]

    found = filemanager.list_images(folder, "zarr")
    assert found
    assert found == [path for path in found if (filemanager.load(path, "zarr") == 7).all()]
    assert found == [
        path for site in SITES if filemanager.exists(path := folder / f"A01_s{site}_w1.tif", "zarr")
    ]


def test_images_before_one_that_is_none_are_saved(tmp_path: Path) -> None:
    filemanager = FileManager()
    paths = [tmp_path / "p.zarr" / f"A01_s{site}_w1.tif" for site in SITES]

    with pytest.raises(UnsupportedArrayError):
        filemanager.save_batch([*[IMAGE] * 18, "no image", IMAGE], paths, "zarr")

    assert filemanager.list_images(tmp_path / "p.zarr", "zarr") == paths[:18]
