import errno
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

from hcs_protocol import UnsupportedArrayError
from hcs_stream.storage import (
    DiskBackend,
    FileManager,
    ImageNotFoundError,
    LossyFormatError,
    StorageWriteError,
    UnknownFormatError,
    UnreadableImageError,
    _atomic,
)

IMAGE = np.arange(12, dtype=np.uint16).reshape(3, 4)
DIES_IN_THE_MIDDLE = """
import os, pathlib, signal, sys
from hcs_stream.storage._atomic import write_atomically

def write(file):
    file.write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

write_atomically(pathlib.Path(sys.argv[1]), write)
"""
UNIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of one's own."""
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


@pytest.fixture
def filemanager() -> FileManager:
    """A file manager."""
    return FileManager()


def test_a_stack_comes_back_as_a_stack(folder: Path, filemanager: FileManager) -> None:
    stack = np.arange(24, dtype=np.int16).reshape(2, 3, 4)

    for name in ("a.tif", "b.TIFF", "c.ome.tif"):
        filemanager.save(stack, folder / name)
        np.testing.assert_array_equal(filemanager.load(folder / name), stack)


def test_metadata_says_axes_and_pixel_size(folder: Path, filemanager: FileManager) -> None:
    filemanager.save(IMAGE, folder / "a.ome.tif", pixel_size=(0.5, 0.25), z_step=2.0, channel="DAPI")
    filemanager.save(IMAGE, folder / "b.tif", pixel_size=0.5)

    with tifffile.TiffFile(folder / "a.ome.tif") as tiff:
        assert tiff.series[0].axes == "YX"
        for said in ('PhysicalSizeX="0.25"', 'PhysicalSizeY="0.5"', 'PhysicalSizeZ="2.0"', 'Name="DAPI"'):
            assert said in (tiff.ome_metadata or "")
    with tifffile.TiffFile(folder / "b.tif") as tiff:
        assert tiff.pages.first.tags["XResolution"].value == (20_000, 1)
        assert tiff.shaped_metadata


def test_a_plane_in_a_tiff_can_be_read_by_a_viewer(folder: Path, filemanager: FileManager) -> None:
    reference = filemanager.save(IMAGE, folder / "a.tif")
    stack = filemanager.save(np.zeros((2, 3, 5), np.uint8), folder / "b.tif")

    assert reference is not None
    assert (reference.path, reference.key) == (str(folder / "a.tif"), 0)
    assert stack is None


def test_compression_keeps_every_pixel(folder: Path, filemanager: FileManager) -> None:
    filemanager.save(np.zeros((500, 500), np.uint16), folder / "a.tif", compression="zlib")

    assert (folder / "a.tif").stat().st_size < 10_000
    assert not filemanager.load(folder / "a.tif").any()


@pytest.mark.parametrize("compression", ["jpeg", "JPEGXR", "nonsense"])
def test_a_compression_that_may_change_pixels_is_refused_unless_it_may(
    compression: str, folder: Path, filemanager: FileManager
) -> None:
    with pytest.raises(LossyFormatError, match=f"zlib.*'{compression}'.*lossy=True"):
        filemanager.save(IMAGE, folder / "a.tif", compression=compression)

    assert not list(folder.iterdir())
    filemanager.save(IMAGE.astype(np.uint8), folder / "a.tif", compression="jpeg", lossy=True)


def test_what_a_compression_cannot_hold_is_a_clear_error(folder: Path, filemanager: FileManager) -> None:
    with pytest.raises(UnsupportedArrayError, match="float64 with the compression 'jpeg'"):
        filemanager.save(IMAGE.astype(np.float64), folder / "a.tif", compression="jpeg", lossy=True)

    assert not list(folder.iterdir())


def test_axes_say_what_is_a_stack(folder: Path, filemanager: FileManager) -> None:
    stack = filemanager.save(np.zeros((5, 6, 3), np.uint8), folder / "stack.tif", axes="zyx")
    colours = filemanager.save(np.zeros((5, 6, 3), np.uint16), folder / "colours.tif", axes="yxc")

    assert stack is None
    assert colours is not None
    assert tifffile.imread(folder / "colours.tif", key=0).shape == (5, 6, 3)


def test_files_of_other_programs_come_as_ours_do(folder: Path, filemanager: FileManager) -> None:
    tifffile.imwrite(folder / "imagej.tif", IMAGE, byteorder=">")
    colours = np.arange(36, dtype=np.uint8).reshape(3, 3, 4)
    tifffile.imwrite(folder / "planes.tif", colours, photometric="rgb", planarconfig="separate")

    assert filemanager.load(folder / "imagej.tif").dtype == IMAGE.dtype
    np.testing.assert_array_equal(filemanager.load(folder / "planes.tif"), np.moveaxis(colours, 0, -1))


@pytest.mark.parametrize("name", ["image", "image.czi", "image.tif.txt"])
def test_a_suffix_without_a_format_is_an_error_that_lists_those_there_are(
    name: str, folder: Path, filemanager: FileManager
) -> None:
    with pytest.raises(UnknownFormatError, match=r"\.tif, \.tiff.*found"):
        filemanager.save(IMAGE, folder / name)


def test_a_missing_folder_is_an_error_that_says_what_makes_one(
    folder: Path, filemanager: FileManager
) -> None:
    path = folder / "none" / "yet" / "a.tif"

    with pytest.raises(StorageWriteError, match="ensure_directory"):
        filemanager.save(IMAGE, path)

    filemanager.ensure_directory(path.parent)
    filemanager.ensure_directory(path.parent)
    filemanager.save(IMAGE, path)
    assert filemanager.exists(path)


def test_a_folder_that_is_a_file_is_an_error(folder: Path, filemanager: FileManager) -> None:
    (folder / "file").write_text("")

    with pytest.raises(StorageWriteError, match="a file"):
        filemanager.save(IMAGE, folder / "file" / "a.tif")
    with pytest.raises(StorageWriteError, match="a file"):
        filemanager.ensure_directory(folder / "file")


@UNIX
@pytest.mark.parametrize("name", ["Ärzte 細胞 µ.tif", "a b,c[1].tif", "x" * 251 + ".tif"])
def test_unusual_names_are_as_good_as_others(name: str, folder: Path, filemanager: FileManager) -> None:
    filemanager.save(IMAGE, folder / name)

    assert filemanager.list_images(folder) == [folder / name]
    np.testing.assert_array_equal(filemanager.load(folder / name), IMAGE)


@UNIX
def test_a_name_that_is_too_long_is_a_clear_error(folder: Path, filemanager: FileManager) -> None:
    path = folder / ("x" * 300 + ".tif")

    with pytest.raises(ImageNotFoundError):
        filemanager.load(path)
    with pytest.raises(StorageWriteError, match="a shorter name"):
        filemanager.save(IMAGE, path)
    assert not filemanager.exists(path)
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(folder: Path) -> None:
    def write(file: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(StorageWriteError, match="make room") as caught:
        _atomic.write_atomically(folder / "a.tif", write)

    assert caught.value.errno == errno.ENOSPC
    assert list(folder.iterdir()) == []


def test_what_went_wrong_in_a_worker_is_told_by_it(folder: Path) -> None:
    for error in (
        StorageWriteError(folder, errno.ENOSPC, "No space left on device"),
        LossyFormatError(folder, "JPEG", (".tif",)),
        ImageNotFoundError("an image", folder),
        UnreadableImageError(folder, "it is empty"),
    ):
        there = pickle.loads(pickle.dumps(error))

        assert type(there) is type(error)
        assert (str(there), vars(there)) == (str(error), vars(error))
        assert getattr(there, "errno", None) == getattr(error, "errno", None)


@UNIX
@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_a_read_only_folder_is_a_clear_error(folder: Path, filemanager: FileManager) -> None:
    folder.chmod(0o500)

    with pytest.raises(StorageWriteError, match="writable"):
        filemanager.save(IMAGE, folder / "a.tif")


def test_an_image_that_is_not_there_or_damaged_says_so(folder: Path, filemanager: FileManager) -> None:
    (folder / "damaged.tif").write_bytes(b"II*\0 this is no TIFF")
    (folder / "damaged.png").write_bytes(b"nor a PNG")

    for name in ("damaged.tif", "damaged.png"):
        with pytest.raises(UnreadableImageError, match="damaged"):
            filemanager.load(folder / name)
    with pytest.raises(ImageNotFoundError):
        filemanager.load(folder / "none.tif")
    with pytest.raises(ImageNotFoundError):
        filemanager.delete(folder / "none.tif")
    with pytest.raises(ImageNotFoundError, match="a folder"):
        filemanager.list_images(folder / "none")


def test_images_are_listed_in_natural_order_without_hidden_files(
    folder: Path, filemanager: FileManager
) -> None:
    for name in ("A10.tif", "A2.tif", "A1.png", "notes.txt", "._A1.tif"):
        (folder / name).touch()
    (folder / "sub").mkdir()
    (folder / "sub" / "B1.tif").touch()

    assert [path.name for path in filemanager.list_images(folder)] == ["A1.png", "A2.tif", "A10.tif"]
    assert [path.name for path in filemanager.list_images(folder, extensions=["png"])] == ["A1.png"]
    assert folder / "sub" / "B1.tif" in filemanager.list_images(folder, recursive=True)


def test_a_folder_is_not_deleted_as_an_image(folder: Path, filemanager: FileManager) -> None:
    with pytest.raises(StorageWriteError, match="found a folder"):
        filemanager.delete(folder)


def test_saving_again_replaces(folder: Path, filemanager: FileManager) -> None:
    filemanager.save(IMAGE, folder / "a.tif")
    filemanager.save(IMAGE + 1, folder / "a.tif")

    np.testing.assert_array_equal(filemanager.load(folder / "a.tif"), IMAGE + 1)
    assert [path.name for path in folder.iterdir()] == ["a.tif"]


@UNIX
def test_a_killed_writer_leaves_no_half_file_and_the_next_one_cleans_up(folder: Path) -> None:
    writer = subprocess.run([sys.executable, "-c", DIES_IN_THE_MIDDLE, folder / "a.tif"], check=False)

    assert writer.returncode == -signal.SIGKILL
    assert not (folder / "a.tif").exists()
    assert len(list(folder.iterdir())) == 1

    DiskBackend().save(IMAGE, folder / "b.tif")
    assert [path.name for path in folder.iterdir()] == ["b.tif"]


def test_what_another_process_still_writes_is_left_alone(folder: Path) -> None:
    parent = psutil.Process().ppid()
    unfinished = folder / f".hcs-{_atomic._machine():08x}-{parent}-1.tmp"
    unfinished.touch()
    elsewhere = folder / ".hcs-00000000-1-1.tmp"
    elsewhere.touch()

    _atomic.sweep_folder(folder)

    assert unfinished.exists()
    assert elsewhere.exists()


def test_what_is_old_is_swept_up_though_another_process_has_its_writers_number(folder: Path) -> None:
    unfinished = folder / f".hcs-{_atomic._machine():08x}-{psutil.Process().ppid()}-1.tmp"
    unfinished.touch()
    os.utime(unfinished, (0, 0))

    _atomic.sweep_folder(folder)

    assert not unfinished.exists()


@UNIX
def test_a_folder_that_nobody_may_look_into_is_no_missing_image(tmp_path: Path) -> None:
    asks = f"""
import os, pathlib
from hcs_stream.storage import FileManager
folder = pathlib.Path({str(tmp_path)!r}, "locked")
folder.mkdir(mode=0o000)
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
for ask in (FileManager().load, FileManager().exists):
    try:
        print(ask(folder / "a.tif"))
    except PermissionError:
        print("may not look")
"""
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)

    said = subprocess.run([sys.executable, "-c", asks], check=True, capture_output=True, text=True)
    (tmp_path / "locked").chmod(0o700)

    assert said.stdout.split("\n")[:2] == ["may not look", "may not look"]
