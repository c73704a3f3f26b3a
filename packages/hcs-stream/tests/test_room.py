"""Where images lie, and what gives way when a viewer does not keep up."""

import gc
from typing import Any

import numpy as np
import pytest

from hcs_protocol import (
    BlockRef,
    BlockUnavailableError,
    FileRef,
    UnsupportedArrayError,
    ViewerStalledError,
    decode_entry,
)
from hcs_protocol.testing import FakeClock, FakeLender, FakeSpiller
from hcs_stream._stream import TOLD_PATH

IMAGE_NBYTES = 20


def grey_values(viewer: Any) -> list[int]:
    """The grey value of each image that arrived, in order."""
    return [pixels[0] for pixels in viewer.pixels()]


def stopped(viewer: Any, lender: FakeLender, *, images: int) -> int:
    """Let the viewer release nothing, and the pool have room for so many images; returns the port."""
    viewer.releases = False
    viewer.credit = (1, 1 << 28)
    lender.capacity = images * IMAGE_NBYTES
    port: int = viewer.connection.data_port
    return port


def go_on(viewer: Any) -> None:
    """Let the viewer release what it holds, and all that comes."""
    viewer.releases = True
    viewer.release()


# Lent arrays.


def test_a_lent_array_is_sent_without_a_copy(
    viewer: Any, stream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[object] = []
    monkeypatch.setattr(stream._room._writer, "start", lambda *arguments: copies.append(arguments))
    lent = stream.lend((4, 5), "uint8")

    lent[:] = 7
    stream.send(lent, well="A01")
    stream.flush()

    assert (grey_values(viewer), copies) == ([7], [])


def test_another_shape_of_a_lent_array_is_sent_without_a_copy_too(viewer: Any, stream: Any) -> None:
    lent = stream.lend((4, 5), "uint8")
    lent[:] = np.arange(20).reshape(4, 5)

    stream.send(lent.reshape(2, 10))
    stream.flush()

    assert viewer.pixels() == [bytes(range(20))]
    assert viewer.arrived[0][0].spec.shape == (2, 10)


def test_a_part_of_a_lent_array_is_copied(viewer: Any, stream: Any) -> None:
    lent = stream.lend((4, 5), "uint8")
    lent[:] = np.arange(20).reshape(4, 5)

    stream.send(lent[:2])
    lent[:] = 0
    stream.flush()

    assert viewer.pixels() == [bytes(range(10))]


def test_what_was_sent_can_be_read_and_not_be_written(stream: Any) -> None:
    lent = stream.lend((4, 5), "uint8")
    lent[:] = 3
    stream.send(lent)

    with pytest.raises(ValueError, match="read-only"):
        lent[0, 0] = 4
    assert lent.sum() == 60


def test_a_block_comes_back_when_viewer_and_array_have_let_go(stream: Any, lender: FakeLender) -> None:
    lent = stream.lend((4, 5), "uint8")
    stream.send(lent)
    stream.flush()
    assert len(lender.lent) == 1

    part = lent[1:]
    del lent
    gc.collect()
    stream.send(np.zeros((1, 1), np.uint8))
    stream.flush()
    assert len(lender.lent) == 1  # a view looks at it

    del part
    gc.collect()
    stream.send(np.zeros((1, 1), np.uint8))
    stream.flush()
    assert not lender.lent


def test_a_lent_array_that_is_never_sent_comes_back(stream: Any, lender: FakeLender) -> None:
    lent = stream.lend((4, 5), "uint8")

    del lent
    gc.collect()
    stream.send(np.zeros((1, 1), np.uint8))
    stream.flush()

    assert not lender.lent


def test_a_lent_array_that_is_sent_twice_is_two_images(viewer: Any, stream: Any) -> None:
    lent = stream.lend((4, 5), "uint8")
    lent[:] = 9

    stream.send(lent, z_index=1)
    stream.send(lent, z_index=2)
    stream.flush()

    assert grey_values(viewer) == [9, 9]


@pytest.mark.parametrize(("shape", "dtype"), [((4,), "uint8"), ((0, 5), "uint8"), ((4, 5), "complex64")])
def test_no_array_is_lent_that_could_not_be_sent(stream: Any, shape: tuple[int, ...], dtype: str) -> None:
    with pytest.raises(UnsupportedArrayError):
        stream.lend(shape, dtype)


# Several viewers.


def test_all_viewers_get_every_image_from_one_copy(
    new_viewer: Any, new_stream: Any, image: Any, lender: FakeLender, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewers = [new_viewer() for _ in range(3)]
    stream = new_stream(*(viewer.connection.data_port for viewer in viewers))
    write, copies = stream._room._writer.write, []
    monkeypatch.setattr(
        stream._room._writer, "write", lambda *arguments: (copies.append(1), write(*arguments))
    )

    stream.send(image(1))
    stream.send(image(2))
    stream.flush()

    assert [grey_values(viewer) for viewer in viewers] == [[1, 2]] * 3
    assert (len(copies), lender.lent) == (2, {})


def test_a_block_is_held_until_all_viewers_released_it(
    new_viewer: Any, new_stream: Any, image: Any, lender: FakeLender
) -> None:
    quick, slow = new_viewer(), new_viewer()
    slow.releases = False
    stream = new_stream(quick.connection.data_port, slow.connection.data_port)

    stream.send(image(1))
    slow.wait_for(lambda: slow.arrived and stream.counters.adopted == 1)
    assert list(lender.owed.values()) == [{1: 1}]

    go_on(slow)
    stream.flush()
    assert not lender.lent


def test_a_viewer_that_is_frozen_does_not_stop_the_other_ones_images(
    new_viewer: Any, new_stream: Any, image: Any, lender: FakeLender
) -> None:
    quick, frozen = new_viewer(), new_viewer()
    stopped(frozen, lender, images=4)
    stream = new_stream(quick.connection.data_port, frozen.connection.data_port, overflow="spill")

    for value in range(20):
        stream.send(image(value))
    quick.wait_for(lambda: len(quick.arrived) == 20)

    go_on(frozen)
    stream.flush()
    assert grey_values(quick) == grey_values(frozen) == list(range(20))


def test_all_streams_of_a_process_share_what_they_hold(
    new_viewer: Any, new_stream: Any, lender: FakeLender
) -> None:
    first, second = new_viewer(), new_viewer()

    streams = [new_stream(viewer.connection.data_port) for viewer in (first, second, first)]

    assert len({id(stream._holdings) for stream in streams}) == 1
    assert streams[0]._holdings.window_nbytes == lender.budget // 4  # half the pool, for two viewers


# The crash journal.


def test_what_is_published_stands_in_the_journal_until_it_is_adopted(
    viewer: Any, stream: Any, image: Any, lender: FakeLender
) -> None:
    viewer.releases = False
    stream.send(image(1), well="B03")
    viewer.wait_for(lambda: viewer.arrived)

    entry = decode_entry(next(iter(lender.entries.values())))
    (destination,) = entry.destinations
    assert entry.image.address.components.well == "B03"
    assert destination.data_port == viewer.connection.data_port
    assert (destination.worker_run, destination.published) == (viewer.hellos[0].worker_run, 1)
    assert list(lender.owed.values()) == [{0: 1}]

    go_on(viewer)
    stream.flush()
    assert not lender.entries


def test_what_waits_for_a_viewer_has_no_number_in_the_journal(
    new_stream: Any, image: Any, lender: FakeLender
) -> None:
    new_stream(9999).send(image(1))

    assert list(lender.owed.values()) == [{0: 0}]


# Overflow.


def test_what_finds_no_memory_goes_to_disk_and_arrives_in_order(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender, spiller: FakeSpiller
) -> None:
    stream = new_stream(stopped(viewer, lender, images=2), overflow="spill")

    for value in range(10):
        stream.send(image(value))
    assert stream.counters.spilled >= 8

    go_on(viewer)
    stream.flush()
    assert grey_values(viewer) == list(range(10))
    assert not (lender.lent)
    assert not (spiller.lent)


def test_what_waits_on_disk_stands_in_its_journal_too(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender, spiller: FakeSpiller
) -> None:
    stream = new_stream(stopped(viewer, lender, images=1), overflow="spill")

    stream.send(image(1), z_index=1)
    stream.send(image(2), z_index=2)

    entries = [decode_entry(entry) for entry in spiller.entries.values()]
    assert [entry.image.address.components.z_index for entry in entries] == [2]


def test_what_waits_goes_to_disk_by_itself_when_memory_is_short(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender, spiller: FakeSpiller
) -> None:
    port = stopped(viewer, lender, images=8)
    lender.budget = lender.capacity
    stream = new_stream(port, overflow="spill")

    for value in range(8):
        stream.send(image(value))
    viewer.wait_for(lambda: len(lender.lent) <= 6)

    go_on(viewer)
    stream.flush()
    assert grey_values(viewer) == list(range(8))
    assert stream.counters.spilled == 2


def test_a_full_disk_lets_the_pipeline_wait(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender, spiller: FakeSpiller
) -> None:
    spiller.capacity = IMAGE_NBYTES
    stream = new_stream(stopped(viewer, lender, images=1), overflow="spill(0.05)")
    stream.send(image(1))
    stream.send(image(2))

    with pytest.raises(ViewerStalledError, match="viewer 'fake' on port"):
        stream.send(image(3))

    go_on(viewer)
    stream.flush()
    assert grey_values(viewer) == [1, 2]


def test_a_file_that_cannot_be_read_costs_its_own_image_alone(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender, spiller: FakeSpiller, monkeypatch: Any
) -> None:
    viewer.nonce, port = "of another machine", stopped(viewer, lender, images=1)
    stream = new_stream(port, overflow="spill")
    for value in range(4):
        stream.send(image(value))
    read, bad = spiller.read, next(iter(spiller.entries))
    monkeypatch.setattr(spiller, "read", lambda ref: unreadable(ref) if ref == bad else read(ref))

    go_on(viewer)
    stream.flush()

    assert grey_values(viewer) == [0, 2, 3]
    assert (stream.counters.refused, len(viewer.hellos)) == (1, 1)
    assert not spiller.lent


def unreadable(ref: BlockRef) -> memoryview:
    raise BlockUnavailableError(f"{ref!r}: Input/output error")


def test_blocking_raises_an_error_that_names_the_viewer(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender
) -> None:
    stream = new_stream(stopped(viewer, lender, images=1), overflow="block(0.05)")
    stream.send(image(1))

    with pytest.raises(ViewerStalledError, match=f"'fake' on port {viewer.connection.data_port}"):
        stream.send(image(2))


def test_drop_oldest_gives_up_what_waits_longest_and_counts_it(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender
) -> None:
    stream = new_stream(stopped(viewer, lender, images=3), overflow="drop_oldest")
    stream.send(image(0))
    viewer.wait_for(lambda: viewer.arrived)

    for value in range(1, 10):
        stream.send(image(value))

    go_on(viewer)
    stream.flush()
    assert grey_values(viewer) == [0, 8, 9]
    assert stream.counters.dropped == {"drop_oldest": 7}
    assert viewer.sequences() == [1, 2, 3]


def test_the_latest_of_each_layer_is_kept(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender
) -> None:
    stream = new_stream(stopped(viewer, lender, images=100), overflow="latest")
    stream.send(image(0), channel="DAPI")
    viewer.wait_for(lambda: viewer.arrived)

    for value in range(1, 6):
        stream.send(image(value), channel="DAPI", well="A01")
        stream.send(image(value + 10), channel="FITC", well="A02")

    go_on(viewer)
    stream.flush()
    assert grey_values(viewer) == [0, 5, 15]
    assert stream.counters.dropped == {"latest": 8}


def test_instead_of_being_dropped_an_image_is_sent_as_the_file_it_lies_in(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender, tmp_path: Any
) -> None:
    stream = new_stream(stopped(viewer, lender, images=2), overflow="drop_oldest")
    stream.send(image(0))
    viewer.wait_for(lambda: viewer.arrived)

    for value in (1, 2):
        stream.send(image(value), file=tmp_path / f"{value}.tif", page=3)

    go_on(viewer)
    stream.flush()
    pixels = [item.pixels for item, _ in viewer.arrived]
    assert pixels[1] == FileRef(path=str(tmp_path / "1.tif"), key=3)
    assert (len(pixels), stream.counters.dropped) == (3, {})


@pytest.mark.parametrize(("folder", "is_read"), [("", True), ("other", False)])
def test_a_viewer_on_another_machine_reads_the_files_of_folders_that_it_finds(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender, tmp_path: Any, folder: str, is_read: bool
) -> None:
    viewer.nonce, viewer.folders = "of another machine", [str(tmp_path / folder)]
    stream = new_stream(stopped(viewer, lender, images=2), overflow="drop_oldest")
    stream.send(image(0))
    viewer.wait_for(lambda: viewer.arrived)

    for value in (1, 2):
        stream.send(image(value), file=tmp_path / f"{value}.tif")

    go_on(viewer)
    stream.flush()
    files = [item.pixels for item, _ in viewer.arrived if isinstance(item.pixels, FileRef)]
    assert files == ([FileRef(path=str(tmp_path / "1.tif"))] if is_read else [])
    assert stream.counters.dropped == ({} if is_read else {"drop_oldest": 1})


def test_a_viewer_is_told_of_the_file_that_an_image_lies_in_too(
    viewer: Any, stream: Any, image: Any, tmp_path: Any
) -> None:
    short, long = tmp_path / "1.tif", tmp_path / ("x" * TOLD_PATH)

    stream.send(image(0))
    stream.send(image(1), file=short, page=3)
    stream.send(image(2), file=long)

    stream.flush()
    files = [item.file for item, _ in viewer.arrived]
    assert files == [None, FileRef(path=str(short), key=3), None]
    assert grey_values(viewer) == [0, 1, 2]


def test_the_policy_can_be_changed_while_the_pipeline_runs(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender
) -> None:
    stream = new_stream(stopped(viewer, lender, images=2), overflow="block(0.05)")
    stream.send(image(0))
    viewer.wait_for(lambda: viewer.arrived)
    stream.send(image(1))

    stream.overflow = "drop_oldest"
    stream.send(image(2))

    go_on(viewer)
    stream.flush()
    assert grey_values(viewer) == [0, 2]


def test_blocks_of_a_viewer_that_was_stopped_are_not_lent_anew(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender
) -> None:
    stream = new_stream(stopped(viewer, lender, images=2), overflow="drop_oldest")
    stream.send(image(0))
    viewer.wait_for(lambda: viewer.arrived)
    announced = set(lender.lent)

    stream._publishers[0]._shared.link.interrupt()  # the session is lost, the viewer is not
    for value in range(1, 5):
        stream.send(image(value))

    assert announced <= set(lender.lent)


def test_a_viewer_hears_what_became_of_the_images(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender
) -> None:
    stream = new_stream(stopped(viewer, lender, images=1), overflow="drop_oldest")
    stream.send(image(0))
    viewer.wait_for(lambda: viewer.arrived)
    go_on(viewer)
    stream.flush()

    viewer.wait_for(lambda: viewer.statuses and viewer.statuses[-1].adopted)

    status = viewer.statuses[-1]
    assert (status.published, status.overflow, set(status.latency)) == (1, "drop_oldest", {"copy", "queue"})


def test_a_viewer_that_hangs_is_not_called_dead(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender
) -> None:
    clock = FakeClock()
    port = stopped(viewer, lender, images=1)
    stream = new_stream(port, overflow="block(0.05)", clock=clock)
    stream.send(image(1))
    viewer.wait_for(lambda: viewer.arrived)
    viewer.answers = False
    viewer.wait_for(lambda: clock.advance(0.02) or not stream._publishers[0]._shared.link.is_open)

    with pytest.raises(ViewerStalledError, match=rf"'fake' on port {port} \(not answering\)"):
        stream.send(image(2))
    with pytest.raises(ViewerStalledError, match=r"test:9999 \(not running\)"):
        new_stream(9999, overflow="block(0)").send(image(2))
