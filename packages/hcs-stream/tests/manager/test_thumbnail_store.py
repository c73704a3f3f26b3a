"""Small pictures: made in the order they are wanted, kept within a budget, broken ones with the reason."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from images_to_send import LONG, images_of, table_of, write_plate

from hcs_stream.manager._thumbnail_store import Broken, Picture, ThumbnailStore, thumbnail
from hcs_stream.sending import FoundImage, ImageTable, of_no_plate


@pytest.fixture
def table(tmp_path: Path) -> ImageTable:
    """Six images."""
    return table_of(write_plate(tmp_path, ("A01", "A02", "A03"), sites=2))


class Made:
    """Makes pictures when a test lets it, and remembers the order."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.ready = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)

    def make(self, image: FoundImage) -> Picture:
        """Make a picture of 100 bytes."""
        self.order.append(image.file.path.name[:6])
        self.begun.release()
        assert self.gate.wait(LONG)
        return np.zeros((10, 10), np.uint8)

    def wait(self, count: int) -> None:
        """Wait for so many pictures."""
        for _ in range(count):
            assert self.ready.acquire(timeout=LONG)


@pytest.fixture
def made() -> Made:
    """Makes pictures at once."""
    return Made()


@pytest.fixture
def new_store(made: Made, table: ImageTable) -> Iterator[Callable[..., ThumbnailStore]]:
    """A store of pictures of the table."""
    stores: list[ThumbnailStore] = []

    def new(**keywords: int) -> ThumbnailStore:
        store = ThumbnailStore(made.ready.release, make=made.make, **keywords)
        store.show_table(table)
        stores.append(store)
        return store

    yield new
    made.gate.set()
    for store in stores:
        store.close()


def test_pictures_are_there_when_they_were_wanted(
    new_store: Callable[..., ThumbnailStore], made: Made
) -> None:
    store = new_store()
    assert store.get(0) is None

    store.want([0, 1])
    made.wait(2)

    assert [isinstance(store.get(row), np.ndarray) for row in (0, 1, 2)] == [True, True, False]


def test_what_is_scrolled_away_is_not_made(new_store: Callable[..., ThumbnailStore], made: Made) -> None:
    made.gate.clear()
    store = new_store()
    store.want([0, 1, 2, 3])
    for _ in range(2):
        assert made.begun.acquire(timeout=LONG)

    store.want([4])
    made.gate.set()
    made.wait(3)

    assert sorted(made.order) == ["A01_s1", "A01_s2", "A03_s1"]


def test_what_was_not_looked_at_for_longest_gives_way(
    new_store: Callable[..., ThumbnailStore], made: Made
) -> None:
    store = new_store(budget=250)
    for row in (0, 1):
        store.want([row])
        made.wait(1)
    store.get(0)

    store.want([2])
    made.wait(1)

    assert [store.get(row) is not None for row in (0, 1, 2)] == [True, False, True]
    assert store.nbytes <= 250


def test_of_a_broken_file_the_reason_is_kept(table: ImageTable, made: Made) -> None:
    table.path(0).write_bytes(b"")
    store = ThumbnailStore(made.ready.release)
    store.show_table(table)

    store.want([0])
    made.wait(1)

    found = store.get(0)
    assert isinstance(found, Broken)
    assert "an empty file" in found
    store.close()


def test_contrast_is_by_percentiles(tmp_path: Path) -> None:
    pixels = np.tile(np.arange(1000, 2000, dtype="uint16"), (100, 1))
    pixels[0, 0] = 65535
    tifffile.imwrite(tmp_path / "image.tif", pixels)

    small = thumbnail(of_no_plate(tmp_path / "image.tif"), side=100)

    assert small.shape[1] <= 100
    assert (int(small.min()), int(small.max())) == (0, 255)
    assert abs(int(np.median(small)) - 127) < 20


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (7, 9), (300, 200)])
def test_images_of_any_kind_and_shape_have_a_picture(
    tmp_path: Path, dtype: str, shape: tuple[int, int]
) -> None:
    pixels = np.zeros(shape, dtype)
    if dtype.startswith("float"):
        pixels[0, 0] = np.nan
    tifffile.imwrite(tmp_path / "image.tif", pixels)

    small = thumbnail(of_no_plate(tmp_path / "image.tif"), side=64)

    assert small.dtype == np.uint8
    assert max(small.shape) <= 64


def test_colours_stay_and_of_a_stack_the_first_plane_is_shown(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "colours.tif", np.full((300, 300, 3), (200, 20, 20), "uint8"), photometric="rgb"
    )
    stack = np.stack([np.zeros((64, 64), "uint8"), np.full((64, 64), 9, "uint8")])
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack", metadata={"axes": "ZYX"})

    colours = thumbnail(of_no_plate(tmp_path / "colours.tif"))
    plane = thumbnail(of_no_plate(tmp_path / "stack.tif"))

    assert colours[0, 0].tolist() == [200, 20, 20]
    assert plane.shape == (64, 64)


def test_pictures_of_a_plate_that_is_no_longer_open_are_forgotten(
    new_store: Callable[..., ThumbnailStore], made: Made, tmp_path: Path
) -> None:
    store = new_store()
    store.want([0])
    made.wait(1)

    store.show_table(table_of(write_plate(tmp_path / "other")))

    assert (store.get(0), store.nbytes) == (None, 0)
    assert len(images_of(tmp_path / "other")) == 2


def test_a_plate_on_a_disk_that_hangs_keeps_no_pictures_of_another_waiting(
    new_store: Callable[..., ThumbnailStore], made: Made, tmp_path: Path
) -> None:
    store = new_store()
    made.gate.clear()
    store.want([0, 1])
    for _ in range(2):
        assert made.begun.acquire(timeout=LONG)

    store.show_table(table_of(write_plate(tmp_path / "another", ("B01",))))
    store.want([0])

    assert made.begun.acquire(timeout=LONG)
    assert made.order[2:] == ["B01_s1"]
