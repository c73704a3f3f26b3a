import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from hcs_protocol import InvalidComponentError, UnsupportedArrayError
from hcs_stream.storage import (
    DiskBackend,
    FileManager,
    ImageNotFoundError,
    MemoryBackend,
    UnknownBackendError,
    UnsafePathError,
    WrongBatchError,
    ZarrBackend,
    ZarrPlate,
)

IMAGE = np.arange(12, dtype=np.uint16).reshape(3, 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of one's own."""
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


BACKENDS = pytest.mark.parametrize("backend", ["disk", "memory", "zarr"])


@BACKENDS
@pytest.mark.parametrize("path", ["../a.tif", "b/../../a.tif", "", " ", "a\0.tif", "a\ud800.tif", None, 3])
def test_a_path_that_is_none_or_leads_elsewhere_is_refused(backend: str, path: str) -> None:
    with pytest.raises(UnsafePathError, match="wanted"):
        FileManager().save(IMAGE, path, backend)
    with pytest.raises(UnsafePathError, match="wanted"):
        FileManager().load(path, backend)


def test_no_path_leaves_the_root(folder: Path) -> None:
    filemanager = FileManager(root=folder / "root")
    filemanager.ensure_directory("sub")
    (folder / "root" / "link").symlink_to(folder)

    filemanager.save(IMAGE, "sub/a.tif")

    assert (folder / "root" / "sub" / "a.tif").is_file()
    for outside in (folder / "a.tif", "link/a.tif"):
        with pytest.raises(UnsafePathError, match="a path below"):
            filemanager.save(IMAGE, outside)


@BACKENDS
def test_a_batch_has_one_path_for_each_image(backend: str, folder: Path) -> None:
    filemanager = FileManager()

    with pytest.raises(WrongBatchError, match="2 images, 1 paths"):
        filemanager.save_batch([IMAGE, IMAGE], [folder / "a.tif"], backend)
    with pytest.raises(WrongBatchError, match=r"twice .*a\.tif"):
        filemanager.save_batch([IMAGE, IMAGE], [folder / "a.tif"] * 2, backend)
    with pytest.raises(WrongBatchError, match="a single one"):
        filemanager.save_batch([IMAGE], str(folder / "a.tif"), backend)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("backend", ["disk", "memory", "zarr", "napari_stream"])
def test_an_empty_batch_does_nothing(backend: str) -> None:
    assert FileManager().save_batch(data=[], paths=[], backend=backend) == []


@BACKENDS
@pytest.mark.parametrize(
    "nonsense", ["text", None, np.zeros(3), np.zeros((0, 4)), np.zeros((2, 2), complex), np.array([["a"]])]
)
def test_what_is_no_image_is_refused(backend: str, nonsense: object, folder: Path) -> None:
    with pytest.raises(UnsupportedArrayError, match="wanted"):
        FileManager().save(nonsense, folder / "A01_s1_w1_z1_t1.tif", backend)


@BACKENDS
def test_big_endian_and_strided_pixels_come_back_as_numbers(backend: str, folder: Path) -> None:
    path = folder / "A01_s1_w1_z1_t1.tif"
    FileManager().save(IMAGE.astype(">u2")[::-1, ::2], path, backend)

    np.testing.assert_array_equal(FileManager().load(path, backend), IMAGE[::-1, ::2])


def test_memory_keeps_a_copy_and_gives_copies(folder: Path) -> None:
    filemanager, image = FileManager({"memory": MemoryBackend()}), IMAGE.copy()

    filemanager.save(image, "a.tif", "memory")
    image[:] = 0
    filemanager.load("a.tif", "memory")[:] = 0

    np.testing.assert_array_equal(filemanager.load("a.tif", "memory"), IMAGE)


def test_an_overlay_reads_its_base_and_never_changes_it(folder: Path) -> None:
    disk = FileManager()
    for name in ("A1.tif", "A2.tif"):
        disk.save(IMAGE, folder / name)
    over = FileManager({"memory": MemoryBackend(base=disk.backend("disk"))})

    over.save(IMAGE + 1, folder / "A2.tif", "memory")
    over.save(IMAGE + 2, folder / "A3.tif", "memory")
    over.delete(folder / "A1.tif", "memory")

    assert [path.name for path in over.list_images(folder, "memory")] == ["A2.tif", "A3.tif"]
    assert not over.exists(folder / "A1.tif", "memory")
    np.testing.assert_array_equal(over.load(folder / "A2.tif", "memory"), IMAGE + 1)
    assert [path.name for path in disk.list_images(folder)] == ["A1.tif", "A2.tif"]
    np.testing.assert_array_equal(disk.load(folder / "A2.tif"), IMAGE)


def test_a_folder_is_no_image_to_delete_from_an_overlay(folder: Path) -> None:
    FileManager().save(IMAGE, folder / "A1.tif")
    over = FileManager({"memory": MemoryBackend(base=DiskBackend())})

    with pytest.raises(ImageNotFoundError):
        over.delete(folder, "memory")

    assert over.exists(folder, "memory")


@pytest.mark.parametrize("extensions", [".tif", "tif", [".TIF"], {"tif"}])
def test_images_are_listed_by_extension(extensions: Any, folder: Path) -> None:
    filemanager = FileManager()
    filemanager.save_batch([IMAGE] * 2, [folder / "a.tif", folder / "b.png"], "memory")

    found = filemanager.list_images(folder, "memory", extensions=extensions)

    assert [path.name for path in found] == ["a.tif"]


def test_backends_of_ones_own_are_closed_except_for_memory(folder: Path) -> None:
    plate = folder / "p.zarr"
    with FileManager({"plates": ZarrBackend(), "memory": MemoryBackend()}) as filemanager:
        filemanager.save(IMAGE, plate / "A01_s1_w1.tif", "plates")
        filemanager.save(IMAGE, folder / "a.tif", "memory")
        ZarrPlate(plate).write({"well": "B01", "site": 1, "channel": "9"}, IMAGE)

    assert zarr.open_array(plate / "A" / "01" / "1" / "0").shape[1] == 2
    assert filemanager.exists(folder / "a.tif", "memory")


@BACKENDS
def test_an_image_is_one_however_its_path_is_spelled(
    backend: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    filemanager = FileManager({"memory": MemoryBackend()})

    filemanager.save(IMAGE, "a.tif", backend)

    for spelled in (folder / "a.tif", os.fsencode("a.tif"), "~/a.tif"):
        np.testing.assert_array_equal(filemanager.load(spelled, backend), IMAGE)
    assert filemanager.list_images(".", backend) == [Path("a.tif")]
    with pytest.raises(WrongBatchError, match="twice"):
        filemanager.save_batch([IMAGE, IMAGE], ["a.tif", folder / "a.tif"], backend)


@BACKENDS
def test_an_array_that_only_speaks_dlpack_is_an_array(backend: str, folder: Path) -> None:
    class Array:
        def __dlpack__(self, **options: object) -> object:
            return IMAGE.__dlpack__()

        def __dlpack_device__(self) -> object:
            return IMAGE.__dlpack_device__()

    FileManager().save(Array(), folder / "a.tif", backend)

    np.testing.assert_array_equal(FileManager().load(folder / "a.tif", backend), IMAGE)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_a_stack_of_one_plane_stays_a_stack(name: str, folder: Path) -> None:
    FileManager().save(IMAGE[np.newaxis], folder / name)

    assert FileManager().load(folder / name).shape == (1, *IMAGE.shape)


def test_what_ome_cannot_say_is_refused_with_a_way_out(folder: Path) -> None:
    with pytest.raises(UnsupportedArrayError, match=r"found float16 .*save it as \.tif"):
        FileManager().save(IMAGE.astype(np.float16), folder / "a.ome.tif")


@pytest.mark.parametrize("backend", [[], None, ()])
def test_images_are_not_saved_to_no_backend_at_all(backend: Any, folder: Path) -> None:
    with pytest.raises(UnknownBackendError, match="wanted one of the backends"):
        FileManager().save(IMAGE, folder / "a.tif", backend)


@pytest.mark.parametrize("backend", ["disk", "zarr"])
@pytest.mark.parametrize(
    "said",
    [
        {"pixel_size": 0},
        {"pixel_size": -1},
        {"pixel_size": float("nan")},
        {"pixel_size": "small"},
        {"pixel_size": (1, 2, 3)},
        {"z_step": 0},
        {"kind": "labls"},
    ],
)
def test_what_cannot_be_said_of_an_image_is_refused(backend: str, said: dict[str, Any], folder: Path) -> None:
    path = folder / "A01_s1_w1.tif"

    with pytest.raises((InvalidComponentError, UnsupportedArrayError)):
        FileManager().save(IMAGE, path, backend, **said)

    assert not FileManager().exists(path, backend)
