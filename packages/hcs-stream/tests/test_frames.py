"""A worker whose viewer is elsewhere: frames are compressed if both can, in order, and nothing is lost."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from imagecodecs import blosc2_decode

from hcs_protocol import CODECS, BlockRef, FrameRef, ImageReady
from hcs_protocol.testing import FakeLender
from hcs_stream import _compressor, _frames
from hcs_stream._compression import LEAST_NBYTES
from hcs_stream._frames import AHEAD_IMAGES

SHAPE = 128, 128
NBYTES = 2 * SHAPE[0] * SHAPE[1]


def cells(value: int) -> npt.NDArray[np.uint16]:
    """An image that can be compressed, and says which it is."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (value * 1000 + y // 9 + x // 7).astype(np.uint16)


def noise() -> npt.NDArray[np.uint16]:
    return np.random.default_rng(7).integers(0, 1 << 16, SHAPE, np.uint16)


@pytest.fixture
def far(viewer: Any) -> Any:
    """A viewer that does not read this process's memory, and takes compressed frames."""
    viewer.nonce, viewer.codecs = "of another machine", list(CODECS)
    return viewer


@pytest.fixture
def stream(far: Any, new_stream: Callable[..., Any]) -> Any:
    made = new_stream(far.connection.data_port)
    made.compression = "zstd"
    return made


def codecs(viewer: Any) -> list[str]:
    return [item.pixels.codec for item, _ in viewer.arrived if isinstance(item, ImageReady)]


def images(viewer: Any) -> list[npt.NDArray[np.uint16]]:
    """Return the images that arrived, decompressed."""
    found = []
    for item, pixels in viewer.arrived:
        if isinstance(item, ImageReady):
            plain = pixels if item.pixels.codec == "none" else blosc2_decode(pixels)
            found.append(np.frombuffer(plain, "<u2").reshape(item.spec.shape))
    return found


def sent_to(viewer: Any, stream: Any, *sent: npt.NDArray[np.uint16]) -> bool:
    """Send these, and say whether the viewer has them, in order."""
    for image in sent:
        stream.send(image)
    stream.flush()
    return all(np.array_equal(*pair) for pair in zip(images(viewer), sent, strict=True))


def test_images_arrive_compressed_and_in_order(far: Any, stream: Any, lender: FakeLender) -> None:
    assert sent_to(far, stream, *(cells(value) for value in range(60)))

    assert set(codecs(far)) == {"blosc2-zstd"}
    assert all(item.pixels.nbytes == len(pixels) < NBYTES / 4 for item, pixels in far.arrived)
    assert far.sequences() == list(range(1, 61))
    assert not lender.lent


def test_the_codec_may_change_while_a_stream_runs(far: Any, stream: Any) -> None:
    for compression in ("zstd", "none", "lz4", "auto"):
        stream.compression = compression
        stream.send(cells(1))
    stream.flush()

    assert codecs(far) == ["blosc2-zstd", "none", "blosc2-lz4", "none"]  # auto: the viewer is on this machine


def test_what_cannot_become_smaller_goes_as_it_is_between_what_can(far: Any, stream: Any) -> None:
    small = np.zeros((2, LEAST_NBYTES // 4 - 1), np.uint16)

    assert sent_to(far, stream, cells(1), noise(), cells(2), small, cells(3))

    assert codecs(far) == ["blosc2-zstd", "none", "blosc2-zstd", "none", "blosc2-zstd"]


def test_news_of_a_run_keep_their_place_between_compressed_images(far: Any, stream: Any) -> None:
    for value in range(5):
        stream.send(cells(value))
        stream.progress(step=(1, "blur"), well="A01", done=value, of=5)
    stream.flush()

    names = [type(item).__name__ for item, _ in far.arrived]
    assert names == ["ImageReady", "StepProgress"] * 5


@pytest.mark.parametrize("offered", [[], ["brotli"]])
def test_a_viewer_that_names_no_codec_that_is_known_gets_plain_frames(
    viewer: Any, new_stream: Any, offered: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    viewer.nonce, viewer.codecs = "of another machine", offered
    stream = new_stream(viewer.connection.data_port)
    stream.compression = "zstd"

    assert sent_to(viewer, stream, cells(1), cells(2))

    assert codecs(viewer) == ["none", "none"]
    warned = [record for record in caplog.records if "cannot take zstd" in record.getMessage()]
    assert len(warned) == 1


def test_nothing_is_compressed_for_a_viewer_that_reads_the_workers_memory(
    viewer: Any, new_stream: Any
) -> None:
    viewer.codecs = list(CODECS)
    stream = new_stream(viewer.connection.data_port)
    stream.compression = "zstd"

    stream.send(cells(1))
    stream.flush()

    [(item, _)] = viewer.arrived
    assert isinstance(item.pixels, BlockRef)


def test_what_a_viewer_cannot_read_is_sent_once_more_as_it_is(far: Any, stream: Any) -> None:
    far.refuses, far.wants_frame = (lambda ready: ready.pixels.codec != "none"), True

    assert sent_to(far, stream, cells(1), cells(2))

    assert codecs(far) == ["none", "none"]
    assert (stream.counters.refused, stream.counters.adopted) == (0, 2)


def test_what_a_viewer_can_read_neither_way_is_refused(far: Any, stream: Any) -> None:
    far.refuses = lambda ready: True

    stream.send(cells(1))
    stream.flush()

    assert stream.counters.refused == 1


def test_what_was_in_flight_when_a_link_was_lost_is_compressed_again(
    far: Any, stream: Any, new_viewer: Any
) -> None:
    far.releases = False
    sent = [cells(value) for value in range(10)]
    for image in sent:
        stream.send(image)
    far.wait_for(lambda: len(far.arrived) == 10)

    far.forget_sessions()
    far.releases = True
    stream.flush()

    assert len(far.batches) == 20
    assert {item.pixels.codec for batch in far.batches for item in batch.items} == {"blosc2-zstd"}
    assert all(np.array_equal(*pair) for pair in zip(images(far), sent, strict=True))


def test_however_often_a_session_is_lost_each_image_arrives_once(far: Any, new_stream: Any) -> None:
    stream = new_stream(far.connection.data_port, clock=lambda: 5 * time.monotonic())
    stream.compression = "zstd"
    sent = [noise() if value % 7 == 3 else cells(value) for value in range(60)]
    for number, image in enumerate(sent):
        if number % 20 == 10:
            far.lose_next_batch()
        if number % 20 == 15:
            far.forget_sessions()
        stream.send(image)
    stream.flush()

    assert sorted(far.sequences()) == list(range(1, 61))
    by_number = dict(zip(far.sequences(), images(far), strict=True))
    assert all(np.array_equal(by_number[number], image) for number, image in enumerate(sent, 1))
    assert stream.counters.resent > 0


def test_only_so_much_is_compressed_before_it_can_go(
    far: Any, new_stream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    far.credit, far.releases = (1, 1 << 28), False
    compressed: list[int] = []
    compress = _compressor.compress
    monkeypatch.setattr(
        _compressor, "compress", lambda *arguments: (compressed.append(1), compress(*arguments))[1]
    )
    stream = new_stream(far.connection.data_port)
    stream.compression = "zstd"
    total = 2 * AHEAD_IMAGES

    for value in range(total):
        stream.send(cells(value % 60))
    far.wait_for(lambda: len(compressed) > AHEAD_IMAGES)
    ahead = len(compressed)
    far.releases = True
    far.release()
    stream.flush()

    assert ahead == 1 + AHEAD_IMAGES
    assert len(compressed) == len(far.arrived) == total


def test_images_go_as_they_are_when_compressing_fails(
    far: Any, new_stream: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_compressor, "compress", lambda *arguments: 1 / 0)
    stream = new_stream(far.connection.data_port)
    stream.compression = "zstd"

    assert sent_to(far, stream, cells(1), cells(2), cells(3))

    assert codecs(far) == ["none"] * 3
    assert [record.levelname for record in caplog.records if "compressor failed" in record.message] == [
        "ERROR"
    ]


def test_what_lies_on_disk_is_compressed_from_there(far: Any, new_stream: Any, lender: FakeLender) -> None:
    lender.capacity = 2 * NBYTES
    far.releases = False
    stream = new_stream(far.connection.data_port, overflow="spill")
    stream.compression = "zstd"
    sent = [cells(value) for value in range(8)]
    for image in sent:
        stream.send(image)
    far.releases = True
    far.release()
    stream.flush()

    assert stream.counters.spilled > 0
    assert set(codecs(far)) == {"blosc2-zstd"}
    assert all(np.array_equal(*pair) for pair in zip(images(far), sent, strict=True))


@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_an_image_that_no_frame_takes_is_given_up_once_with_a_reason(
    far: Any, stream: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any, compression: str
) -> None:
    monkeypatch.setattr(_frames, "MAX_FRAME_NBYTES", NBYTES)
    stream.compression = compression

    stream.send(np.zeros((2, *SHAPE), np.uint16), site=1)
    stream.send(cells(2), site=2)
    stream.flush()

    assert [item.address.components.site for item, _ in far.arrived] == [2]
    assert (stream.counters.refused, stream.counters.resent) == (1, 0)
    assert f"wanted at most {NBYTES} bytes of an image" in caplog.text
    assert f"found {2 * NBYTES}: send its planes one by one" in caplog.text


def test_a_frame_says_its_own_length_and_the_image_its_own(far: Any, stream: Any) -> None:
    stream.send(cells(1))
    stream.flush()

    [(item, pixels)] = far.arrived
    assert item.pixels == FrameRef(frame=1, nbytes=len(pixels), codec="blosc2-zstd")
    assert item.spec.nbytes == NBYTES
