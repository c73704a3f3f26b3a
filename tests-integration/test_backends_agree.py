"""The same batch through every backend comes back bit for bit; what is streamed, from the viewer's layers."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import hcs_stream
from hcs_protocol import State, ViewerRequestError
from hcs_stream.storage import Backend, FileManager, LossyFormatError, NotReadableError, known_backends

Pixels = npt.NDArray[np.generic]
Wait = Callable[[hcs_stream.Viewer, Callable[[State], bool]], State]

SHAPE = 61, 83
GENERATOR = np.random.default_rng(20)
BATCH: dict[str, Pixels] = {
    "uint8": GENERATOR.integers(0, 256, SHAPE, np.uint8),
    "uint16": GENERATOR.integers(0, 65_536, SHAPE, np.uint16),
    "int16": GENERATOR.integers(-32_768, 32_768, SHAPE, np.int16),
    "float32": GENERATOR.normal(size=SHAPE).astype(np.float32),
    "bool labels": GENERATOR.random(SHAPE) > 0.5,
    "uint32 labels": GENERATOR.integers(0, 1 << 32, SHAPE, np.uint32),
    "rgb": GENERATOR.integers(0, 256, (*SHAPE, 3), np.uint8),
    "all zero": np.zeros(SHAPE, np.uint16),
}
NAMES = {
    "one well each": "A{0:02d}_s1_w1_z1_t1.tif",
    "one channel each": "A01_s1_w{0}_z1_t1.tif",
    "no place on a plate": "image {0}.ome.tif",
}


@pytest.fixture
def filemanager() -> Iterator[FileManager]:
    """One that closes its streams."""
    with FileManager() as filemanager:
        yield filemanager


def test_every_backend_that_can_be_read_is_tested_here() -> None:
    known = {str(backend) for backend in Backend}

    assert set(known_backends()) >= known == {"disk", "memory", "napari_stream", "zarr"}


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("backend", ["disk", "memory", "zarr"])
def test_a_batch_comes_back_bit_for_bit(
    backend: str, names: str, tmp_path: Path, filemanager: FileManager
) -> None:
    paths = [tmp_path / NAMES[names].format(number) for number in range(1, len(BATCH) + 1)]

    filemanager.save_batch(list(BATCH.values()), paths, backend)

    for expected, found in zip(BATCH.values(), filemanager.load_batch(paths, backend), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    assert filemanager.list_images(tmp_path, backend) == paths


def test_png_keeps_what_it_takes_and_refuses_the_rest(tmp_path: Path, filemanager: FileManager) -> None:
    for name, pixels in BATCH.items():
        path = tmp_path / f"{name}.png"
        if name in {"uint8", "uint16", "rgb", "all zero"}:
            filemanager.save(pixels, path)
            np.testing.assert_array_equal(filemanager.load(path), pixels)
        else:
            with pytest.raises(TypeError, match=r"save it as \.tif"):
                filemanager.save(pixels, path)


def test_jpeg_is_refused_unless_it_may_change_pixels(tmp_path: Path, filemanager: FileManager) -> None:
    path = tmp_path / "A01_s1_w1.jpg"

    with pytest.raises(LossyFormatError, match="lossy=True"):
        filemanager.save(BATCH["uint8"], path)
    assert not filemanager.exists(path)

    filemanager.save(BATCH["uint8"], path, lossy=True)
    assert filemanager.load(path).shape == SHAPE


@pytest.mark.parametrize("names", NAMES)
def test_what_is_streamed_is_in_the_viewers_layers(
    names: str, viewer: hcs_stream.Viewer, filemanager: FileManager, wait_until: Wait
) -> None:
    paths = [Path(f"/nowhere/{NAMES[names].format(number)}") for number in range(1, len(BATCH) + 1)]
    images = dict(zip(BATCH, zip(paths, BATCH.values(), strict=True), strict=True))
    labels = [name for name in BATCH if "labels" in name]

    for kind, wanted in ("image", [name for name in BATCH if name not in labels]), ("labels", labels):
        filemanager.save_batch(
            data=[images[name][1] for name in wanted],
            paths=[images[name][0] for name in wanted],
            backend="napari_stream",
            napari_port=viewer.connection.data_port,
            step=(1, names.replace(" ", "")),
            kind=kind,
        )
    filemanager.flush()
    state = wait_until(viewer, lambda state: sum(layer.images for layer in state.layers) == len(BATCH))

    for path, expected in images.values():
        assert any(np.array_equal(found, expected) for found in _seen(viewer, state, path)), path.name


def test_what_is_streamed_cannot_be_read(filemanager: FileManager) -> None:
    with pytest.raises(NotReadableError, match="only streams"):
        filemanager.load("A01_s1_w1_z1_t1.tif", "napari_stream")


def _seen(viewer: hcs_stream.Viewer, state: State, path: Path) -> Iterator[Pixels]:
    """Yield what each layer has at the address that a path says."""
    known: dict[str, str | int] = {"well": path.name[:3], "site": 1, "z_index": 1, "timepoint": 1}
    for layer in state.layers:
        where = {name: known[name] for name in known if name in layer.components and path.name[0] == "A"}
        with contextlib.suppress(ViewerRequestError):  # another layer's
            yield viewer.image(layer.name, where)
