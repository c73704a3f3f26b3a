"""A peer with the key that sends garbage, or names files and memory that are none of its own."""

import contextlib
import json
import os
import random
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import tifffile
import zmq
from fuzz.inputs import HEADER_NBYTES, PIXELS, SPEC, Inputs, generated
from fuzz.peer import Peer
from fuzz.target import Places, Target

from hcs_protocol import Connection, Counters, Ping, encode, endpoint
from hcs_protocol.testing import golden_frames

from .knocking import PATIENCE_MILLISECONDS, Keys

HUGE = {"shape": [100_000, 100_000], "dtype": "uint16"}
LARGE_SIDE = 11_008
LARGE = {"shape": [LARGE_SIDE, LARGE_SIDE], "dtype": "uint16"}
"""More than the memory of the viewer, and yet not so much that no system would give it."""
MOST_MB = 150.0
WELL_SECONDS = 3.0
"""What a peer that hung up does to libzmq shows after a second."""


@pytest.fixture
def counters(target: Target, peer: Peer) -> Iterator[Counters]:
    """What was counted before the test; after it the viewer is well."""
    yield peer.ping().counters
    peer.settle()
    assert target.is_alive
    assert target.unhandled == []


@contextlib.contextmanager
def asking_as(connection: Connection, name: bytes) -> Iterator[zmq.SyncSocket]:
    """Connect somebody who has a routing id of its own; it hangs up at the end."""
    keys = Keys.of(connection)
    with zmq.Context() as context, context.socket(zmq.DEALER) as asks:
        asks.linger = 0
        asks.routing_id = name
        asks.curve_serverkey = keys.server.encode()
        asks.curve_publickey, asks.curve_secretkey = keys.public.encode(), keys.secret.encode()
        asks.connect(endpoint(connection.host, connection.control_port))
        yield asks


def ask(socket: zmq.SyncSocket) -> None:
    socket.send_multipart([b"", encode(Ping(id="p"))])


def image(peer: Peer, pixels: dict[str, Any], *frames: bytes, spec: dict[str, Any] = SPEC) -> Counters:
    """Send one image and return what is counted afterwards."""
    session = peer.open_session()
    item = {"type": "ImageReady", "sequence": 1, "spec": spec, "pixels": pixels}
    batch = {"type": "Batch", "session": session, "oldest": 1, "items": [item]}
    peer.send_data([[msgspec.json.encode(batch), *frames]])
    peer.settle()
    return peer.ping().counters


def file(path: Path | str) -> dict[str, Any]:
    return {"type": "file", "path": str(path)}


def block(name: str, **where: int) -> dict[str, Any]:
    return {"type": "block", "segment": name, "offset": 4096, "nbytes": 12, "generation": 1} | where


def test_garbage_is_refused_and_counted(peer: Peer, counters: Counters) -> None:
    garbage = [*generated(50, seed=1), [b"\xff"], [b""], [b"[" * 9999], [os.urandom(99)] * 99]

    peer.send_data(garbage)
    peer.send_control(garbage)
    peer.settle()

    assert peer.ping().counters.malformed > counters.malformed


def test_golden_messages_with_mistakes_do_no_harm(peer: Peer, counters: Counters, places: Places) -> None:
    made = Inputs(random.Random(3), places.blocks, places.files)
    session = peer.open_session()

    peer.send_data(made.messages(300, session, batches=True))
    peer.send_control(made.messages(300, session, batches=False))
    peer.settle()

    assert peer.ping().counters.malformed > counters.malformed


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "/dev/zero", "/proc/self/mem", "/proc/self/environ", "../../../etc/shadow", "/etc"],
)
def test_a_file_that_is_no_image_is_not_read(peer: Peer, counters: Counters, path: str) -> None:
    after = image(peer, file(path))

    assert (after.refused, after.adopted) == (counters.refused + 1, counters.adopted)


def test_a_pipe_that_is_named_as_a_file_keeps_nobody_waiting(
    peer: Peer, counters: Counters, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.tif")

    assert image(peer, file(tmp_path / "pipe.tif")).refused == counters.refused + 1


def test_a_small_tiff_that_says_it_is_huge_takes_no_memory(
    target: Target, peer: Peer, counters: Counters, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "bomb.tif", np.zeros((8, 8), np.uint16), compression="zlib")
    with tifffile.TiffFile(tmp_path / "bomb.tif", mode="r+") as tiff:
        for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tiff.pages.first.tags[tag].overwrite(HUGE["shape"][0])
    before = target.peak_mb

    after = image(peer, file(tmp_path / "bomb.tif"), spec=HUGE)

    assert (after.refused, after.adopted) == (counters.refused + 1, counters.adopted)
    assert target.peak_mb < before + MOST_MB


@pytest.mark.parametrize("spec", [LARGE, {"shape": [8, 8], "dtype": "uint16"}], ids=["image", "its tile"])
def test_nor_does_one_that_is(
    target: Target, peer: Peer, counters: Counters, tmp_path: Path, spec: dict[str, Any]
) -> None:
    tile = None if spec is LARGE else (LARGE_SIDE, LARGE_SIDE)
    pixels = np.zeros(spec["shape"], np.uint16)
    tifffile.imwrite(tmp_path / "bomb.tif", pixels, compression="zlib", tile=tile)
    before = target.peak_mb

    after = image(peer, file(tmp_path / "bomb.tif"), spec=spec)

    assert (after.refused, after.adopted) == (counters.refused + 1, counters.adopted)
    assert target.peak_mb < before + MOST_MB


def test_a_zarr_array_whose_chunks_are_huge_takes_no_memory(
    target: Target, peer: Peer, counters: Counters, tmp_path: Path
) -> None:
    metadata = {"zarr_format": 2, "shape": SPEC["shape"], "chunks": LARGE["shape"], "dtype": "<u2"}
    metadata |= {"order": "C", "fill_value": 0, "compressor": {"id": "zlib", "level": 1}, "filters": None}
    (tmp_path / ".zarray").write_text(json.dumps(metadata))
    (tmp_path / "0.0").write_bytes(zlib.compress(bytes(2 * LARGE_SIDE**2), 1))
    before = target.peak_mb

    after = image(peer, file(tmp_path / "0.0"))

    assert (after.refused, after.adopted) == (counters.refused + 1, counters.adopted)
    assert target.peak_mb < before + MOST_MB


def test_a_spec_that_says_more_than_the_frame_has_is_refused(peer: Peer, counters: Counters) -> None:
    after = image(peer, {"type": "frame", "frame": 1, "nbytes": 12}, PIXELS, spec=HUGE)

    assert (after.refused, after.adopted) == (counters.refused + 1, counters.adopted)


def test_a_compressed_frame_that_becomes_huge_takes_no_memory(
    target: Target, peer: Peer, counters: Counters
) -> None:
    zeros = bytearray(golden_frames()["blosc2-zstd"][:HEADER_NBYTES])
    for at, value in ((4, 2 * LARGE_SIDE**2), (12, HEADER_NBYTES)):  # so many bytes from so many
        zeros[at : at + 4] = value.to_bytes(4, "little")
    zeros[31] = 0x10  # all of them zeros
    frame = {"type": "frame", "frame": 1, "nbytes": HEADER_NBYTES, "codec": "blosc2-zstd"}
    before = target.peak_mb

    after = image(peer, frame, bytes(zeros), spec=LARGE)

    assert (after.refused, after.adopted) == (counters.refused + 1, counters.adopted)
    assert target.peak_mb < before + MOST_MB


@pytest.mark.parametrize("name", ["../../etc/passwd", "hcs-1-2/../x", "/dev/shm/hcs-1", "hcs-\0", "shadow"])
def test_a_segment_is_a_name_and_no_path(peer: Peer, counters: Counters, name: str) -> None:
    after = image(peer, block(name))

    assert (after.adopted, after.malformed) == (counters.adopted, counters.malformed + 1)


def test_a_segment_that_is_a_link_a_pipe_or_damaged_is_not_opened(
    peer: Peer, counters: Counters, places: Places
) -> None:
    names = [path.name for path in places.segments.glob("hcs-1-*")]
    assert len(names) >= 5

    for name in names:
        assert image(peer, block(name)).adopted == counters.adopted


def test_bytes_beyond_a_block_and_of_another_lending_are_not_read(
    peer: Peer, counters: Counters, places: Places
) -> None:
    good = places.blocks[0]
    wrong: list[dict[str, int]] = [
        {"offset": good.offset + 1},
        {"offset": 0},
        {"offset": 1 << 35},
        {"nbytes": 13},
        {"generation": good.generation + 1},
    ]
    for change in wrong:
        where = {"offset": good.offset, "nbytes": good.nbytes, "generation": good.generation} | change
        assert image(peer, block(good.segment, **where)).adopted == counters.adopted

    where = {"offset": good.offset, "nbytes": good.nbytes, "generation": good.generation}
    assert image(peer, block(good.segment, **where)).adopted == counters.adopted + 1


def test_two_peers_of_one_routing_id_end_nothing(target: Target, peer: Peer, counters: Counters) -> None:
    with asking_as(target.connection, b"twin") as first:
        ask(first)
        assert first.poll(PATIENCE_MILLISECONDS)
        with asking_as(target.connection, b"twin") as second:
            ask(second)
            assert second.poll(PATIENCE_MILLISECONDS)
            ask(first)  # whom nobody reads any more
            peer.settle()

    with pytest.raises(subprocess.TimeoutExpired):
        target.process.wait(WELL_SECONDS)
