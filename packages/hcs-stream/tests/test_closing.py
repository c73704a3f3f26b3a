"""What is left when a stream closes, for the next viewer and those that go on; what flush hears of."""

import pickle
import threading
from typing import Any

import msgspec
import pytest

from hcs_protocol import ImageReady, decode_entry, runtime_folders, write_connection
from hcs_protocol.testing import FakeClock, FakeLender, FakeSpiller
from hcs_stream import _holdings
from hcs_stream._holdings import Holdings

NOBODY = 9
"""A port at which no viewer is."""
DEADLOCK_SECONDS = 1000.0


def grey_values(viewer: Any) -> list[int]:
    """The grey value of each image that arrived, in order."""
    return [pixels[0] for pixels in viewer.pixels()]


def left_on_disk(spiller: FakeSpiller) -> list[ImageReady]:
    """What the next viewer finds, the oldest first."""
    entries = [decode_entry(entry) for entry in spiller.entries.values()]
    return [entry.image for entry in sorted(entries, key=lambda entry: entry.destinations[0].published)]


# What is left goes to disk.


def test_what_is_left_waits_on_disk_and_the_other_viewers_have_the_pool(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender, spiller: FakeSpiller
) -> None:
    lender.capacity = lender.budget = 100
    lively, dull = new_stream(viewer.connection.data_port), new_stream(NOBODY)
    for site in range(5):
        dull.send(image(site), site=site)

    dull.close(timeout=0)
    assert not lender.lent
    lively.send(image(9))
    lively.flush()

    assert grey_values(viewer) == [9]
    assert spiller.left == set(spiller.entries)
    assert [ready.address.components.site for ready in left_on_disk(spiller)] == [0, 1, 2, 3, 4]


def test_what_is_left_is_owed_to_the_viewer_that_did_not_take_it_alone(
    viewer: Any, new_stream: Any, image: Any, spiller: FakeSpiller
) -> None:
    new_stream(viewer.connection.data_port)
    both = new_stream(viewer.connection.data_port, NOBODY)
    both.send(image(1))

    both.close(timeout=0)

    ((entry, owed),) = zip(spiller.entries.values(), spiller.owed.values(), strict=True)
    assert [destination.data_port for destination in decode_entry(entry).destinations] == [NOBODY]
    assert owed == {0: 0}


def test_what_is_left_of_a_viewer_that_was_stopped_is_not_overwritten(
    new_viewer: Any, new_stream: Any, image: Any, lender: FakeLender, spiller: FakeSpiller
) -> None:
    stopped, lively = new_viewer(), new_viewer()
    stopped.releases = False
    others, stream = (new_stream(viewer.connection.data_port) for viewer in (lively, stopped))
    stream.send(image(1))
    stopped.wait_for(lambda: stopped.arrived)
    announced = set(lender.lent)

    stream.close(timeout=0)
    others.send(image(2))
    others.flush()

    assert announced == set(lender.lent)
    assert list(spiller.owed.values()) == [{0: 1}]
    assert not lender.owed.popitem()[1]


def test_what_is_left_of_a_viewer_that_is_gone_frees_the_pool(
    new_viewer: Any, new_stream: Any, image: Any, lender: FakeLender
) -> None:
    killed, lively = new_viewer(), new_viewer()
    killed.releases = False
    stream = new_stream(killed.connection.data_port)
    new_stream(lively.connection.data_port)
    stream.send(image(1))
    killed.wait_for(lambda: killed.arrived)
    killed.kill()

    stream.close(timeout=0)

    assert not lender.lent


def test_memory_is_counted_anew_when_streams_are_opened_after_all_were_closed(
    viewer: Any, new_stream: Any, holdings: Holdings, image: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "_make_lender", lambda: None)
    monkeypatch.setattr(_holdings, "MEMORY_NBYTES", 100)
    before = new_stream(NOBODY)
    for value in range(5):
        before.send(image(value))
    before.close(timeout=0)

    after = new_stream(viewer.connection.data_port, overflow="block(0)")
    after.send(image(9))
    after.flush()

    assert grey_values(viewer) == [9]


def test_a_with_block_that_ends_waits_as_long_as_the_environment_says(
    new_stream: Any, image: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCS_EXIT_TIMEOUT", "0.26")

    with new_stream(NOBODY) as stream:
        stream.send(image(1))

    assert "left=1 waiting=0.26 s" in caplog.text
    assert "images not adopted" in caplog.text


# No other process.


def test_a_stream_that_another_process_is_to_get_says_that_each_connects_by_itself(stream: Any) -> None:
    with pytest.raises(TypeError, match=r"call connect\(\) in each process"):
        pickle.dumps(stream)


# One viewer after another.


def test_another_viewer_of_the_port_does_not_free_what_the_first_may_still_read(
    new_viewer: Any, new_stream: Any, image: Any, lender: FakeLender
) -> None:
    first, clock = new_viewer(), FakeClock()
    first.releases = False
    port = first.connection.data_port
    stream = new_stream(port, clock=clock)
    stream.send(image(1))
    first.wait_for(lambda: first.arrived)
    announced = set(lender.lent)

    first.answers = False  # it was stopped in the middle of a copy
    second = new_viewer()
    first.path.unlink()
    write_connection(msgspec.structs.replace(second.connection, requested_port=port), runtime_folders())
    second.wait_for(lambda: clock.advance(0.02) or second.hellos)
    stream.send(image(2))
    second.wait_for(lambda: stream.counters.adopted)
    assert announced <= set(lender.lent)

    first.kill()
    stream.flush()
    assert sorted(grey_values(second)) == [1, 2]
    assert not lender.lent


# Flush.


def test_flush_hears_that_what_it_waits_for_was_dropped(viewer: Any, new_stream: Any, image: Any) -> None:
    viewer.credit = (0, 0)
    stream = new_stream(viewer.connection.data_port, overflow="drop_oldest", clock=FakeClock())
    publisher = stream._publishers[0]
    assert publisher.wait_until_open(20.0)
    stream.send(image(1))
    flushing = threading.Thread(target=stream.flush, args=(DEADLOCK_SECONDS,))
    flushing.start()
    viewer.wait_for(publisher._shared.called.is_set)

    assert publisher.drop("drop_oldest")
    flushing.join()

    assert stream.counters.dropped == {"drop_oldest": 1}
