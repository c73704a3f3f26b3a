"""A viewer that does not share the worker's memory shows what was sent, compressed or not."""

from collections import Counter
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import hcs_stream
from hcs_protocol import Components

Pixels = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers offer no segment, as if the viewer could not read it."""
    monkeypatch.setattr("hcs_stream._holdings.Holdings.offer", None)


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what is compressed, by codec."""
    counted: Counter[str] = Counter()
    compress = import_module("hcs_stream._compressor").compress

    def counting(pixels: memoryview, spec: Any, codec: str) -> bytes | None:
        counted[codec] += 1
        found: bytes | None = compress(pixels, spec, codec)
        return found

    monkeypatch.setattr("hcs_stream._compressor.compress", counting)
    return counted


def cells(dtype: str = "uint16", shape: tuple[int, ...] = (256, 384)) -> Pixels:
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    plane = (np.sin(y / 9) * np.cos(x / 7) + 1.2) * 100
    return np.broadcast_to(plane, shape).astype(dtype)


@pytest.mark.parametrize(("compression", "codec"), [("zstd", "blosc2-zstd"), ("lz4", "blosc2-lz4")])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_compressed_images_are_shown_as_they_were_sent(
    viewer: hcs_stream.Viewer, compressed: Counter[str], compression: Any, codec: str, dtype: str
) -> None:
    sent = cells(dtype)

    with hcs_stream.connect(data_port=viewer.connection.data_port, compression=compression) as stream:
        for site in range(1, 6):
            stream.send(sent + np.asarray(site, dtype), well="A01", site=site)
        stream.flush()

        assert (stream.counters.adopted, stream.counters.refused, stream.counters.resent) == (5, 0, 0)
    assert compressed == {codec: 5}
    for site in (1, 5):
        found = viewer.image("Image", Components(well="A01", site=site))
        np.testing.assert_array_equal(found, sent + np.asarray(site, dtype))


def test_volumes_and_colours_are_compressed_too(viewer: hcs_stream.Viewer, compressed: Counter[str]) -> None:
    volume = cells("uint16", (5, 128, 160))
    colours = np.stack([cells("uint8"), cells("uint8") // 2, cells("uint8") // 3], axis=-1)

    with hcs_stream.connect(data_port=viewer.connection.data_port, compression="zstd") as stream:
        stream.send(volume, step=(1, "volume"))
        stream.send(colours, step=(2, "overview"))
        stream.flush()

    assert compressed.total() == 2
    np.testing.assert_array_equal(viewer.image("Step_01_volume", Components(z_index=3)), volume[2])
    np.testing.assert_array_equal(viewer.image("Step_02_overview"), colours)


@pytest.mark.parametrize("compression", ["auto", "none"])
def test_on_one_machine_nothing_is_compressed(
    viewer: hcs_stream.Viewer, compressed: Counter[str], compression: Any
) -> None:
    with hcs_stream.connect(data_port=viewer.connection.data_port, compression=compression) as stream:
        stream.send(cells(), well="A01")
        stream.flush()

    assert not compressed
    np.testing.assert_array_equal(viewer.image("Image", Components(well="A01")), cells())


def test_the_variable_says_what_the_call_does_not(
    viewer: hcs_stream.Viewer, compressed: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCS_COMPRESSION", "lz4")
    with hcs_stream.connect(data_port=viewer.connection.data_port) as stream:
        stream.send(cells(), well="A01")
        stream.flush()

    assert compressed == {"blosc2-lz4": 1}
    monkeypatch.setenv("HCS_COMPRESSION", "gzip")
    with pytest.raises(ValueError, match="wanted as compression one of auto, none, zstd, lz4"):
        hcs_stream.connect(data_port=viewer.connection.data_port)
