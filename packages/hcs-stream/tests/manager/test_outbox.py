"""Images wait for their viewer, are sent in order, and none is lost without a word."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from images_to_send import LONG, FakeStream, FakeViewers, images_of, target, write_plate

from hcs_protocol import HandshakeRefusedError
from hcs_stream.manager._entries import Entry, EntryState
from hcs_stream.manager._outbox import Outbox
from hcs_stream.sending import FoundImage


@pytest.fixture
def viewers() -> FakeViewers:
    """Viewers that are there."""
    return FakeViewers()


@pytest.fixture
def outbox(viewers: FakeViewers) -> Iterator[Outbox]:
    """An outbox that looks for viewers without rest."""
    made = Outbox(viewers.connect, lambda: 0.0, retry_seconds=0.01)
    yield made
    for stream in viewers.streams:
        stream.gate.set()
    made.close()


@pytest.fixture
def images(tmp_path: Path) -> list[FoundImage]:
    """Six images of three wells."""
    return images_of(write_plate(tmp_path / "plate", ("A01", "A02", "B01"), sites=2))


def wait(outbox: Outbox, is_so: Callable[[list[Entry]], bool]) -> list[Entry]:
    """Wait until the entries are as wanted."""
    deadline = time.monotonic() + LONG
    while not is_so(entries := outbox.entries):
        assert time.monotonic() < deadline, f"it never came about: {entries}"
    return entries


def ended(outbox: Outbox) -> Entry:
    """Wait until everything has ended; return the last entry."""
    return wait(outbox, lambda entries: all(entry.is_over for entry in entries))[-1]


def test_images_are_sent_in_order_with_all_that_is_known(
    outbox: Outbox, viewers: FakeViewers, images: list[FoundImage]
) -> None:
    outbox.put(images, "plate", target())

    entry = ended(outbox)

    (stream,) = viewers.streams
    assert (entry.state, entry.sent, entry.total) == (EntryState.DONE, 6, 6)
    assert [(sent["well"], sent["site"]) for sent in stream.sent] == [
        (well, site) for well in ("A01", "A02", "B01") for site in (1, 2)
    ]
    assert stream.declared[0]["wells"] == ["A01", "A02", "B01"]
    assert (stream.states, stream.is_closed) == (["completed"], True)


def test_what_waits_for_a_viewer_that_starts_is_counted_and_sent_once_it_is_there(
    outbox: Outbox, viewers: FakeViewers, images: list[FoundImage]
) -> None:
    viewers.absent = {5555}
    outbox.put(images, "plate", target())
    assert viewers.looked.acquire(timeout=LONG)

    (waiting,) = wait(outbox, lambda entries: entries[0].state is EntryState.CONNECTING)
    assert outbox.waiting_for(target()) == 6
    viewers.absent = set()

    assert waiting.words == "6 images wait until the viewer is ready"
    assert ended(outbox).sent == 6
    assert outbox.waiting_for(target()) == 0


def test_entries_of_a_viewer_that_is_gone_say_so_and_its_successor_takes_them(
    outbox: Outbox, viewers: FakeViewers, images: list[FoundImage]
) -> None:
    viewers.absent = {5555}
    outbox.put(images, "plate", target())
    outbox.know([target(5556)])
    (gone,) = outbox.entries

    viewers.absent = set()
    outbox.know([target(5555), target(5556)])

    assert "kept for the next viewer on port 5555" in gone.words
    assert ended(outbox).state is EntryState.DONE


def test_a_viewers_successor_gets_what_the_viewer_took_with_it(
    outbox: Outbox, viewers: FakeViewers, images: list[FoundImage]
) -> None:
    viewers.prepare = lambda stream: stream.gate.clear()
    outbox.put(images, "plate", target())
    wait(outbox, lambda entries: bool(viewers.streams))
    assert viewers.streams[0].at_gate.wait(LONG)

    viewers.prepare = lambda stream: None
    viewers.streams[0].viewer_run = "another run"
    viewers.streams[0].gate.set()

    entry = ended(outbox)
    assert (entry.sent, len(viewers.streams[1].sent)) == (6, 6)


def test_images_that_a_viewer_took_with_it_are_told_of(outbox: Outbox, images: list[FoundImage]) -> None:
    outbox.know([target(viewer_run="a run")])
    outbox.put(images, "plate", target())
    ended(outbox)

    outbox.know([target(viewer_run="second")])

    (entry,) = outbox.entries
    assert entry.words == "6 of 6 images sent; that viewer is gone, and the images with it"


def test_one_viewer_that_is_not_there_keeps_no_other_from_getting_its_images(
    outbox: Outbox, viewers: FakeViewers, images: list[FoundImage]
) -> None:
    viewers.absent = {5555}
    outbox.put(images, "plate", target(5555))
    outbox.put(images, "plate", target(5556))

    entries = wait(outbox, lambda entries: entries[1].is_over)

    assert [entry.state for entry in entries] == [EntryState.CONNECTING, EntryState.DONE]


def test_a_viewer_that_takes_nothing_for_a_while_loses_no_image(
    outbox: Outbox, viewers: FakeViewers, images: list[FoundImage]
) -> None:
    def stall(stream: FakeStream) -> None:
        stream.stalls = 3

    viewers.prepare = stall
    outbox.put(images, "plate", target())

    assert ended(outbox).sent == 6
    assert [sent["well"] for sent in viewers.streams[0].sent] == ["A01", "A01", "A02", "A02", "B01", "B01"]


def test_what_is_cancelled_in_the_middle_says_how_far_it_came(
    outbox: Outbox, viewers: FakeViewers, images: list[FoundImage]
) -> None:
    viewers.prepare = lambda stream: stream.gate.clear()
    ticket = outbox.put(images, "plate", target())
    wait(outbox, lambda entries: bool(viewers.streams))
    (stream,) = viewers.streams
    assert stream.at_gate.wait(LONG)

    outbox.cancel(ticket)
    stream.gate.set()

    entry = ended(outbox)
    assert (entry.state, entry.sent) == (EntryState.CANCELLED, 1)
    assert entry.words == "cancelled, 1 of 6 images sent"
    assert stream.states == ["cancelled"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # tifffile closes no pipe
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file whose reading waits for ever")
def test_what_waits_for_a_disk_that_hangs_can_be_cancelled_and_keeps_no_other_waiting(
    outbox: Outbox, images: list[FoundImage]
) -> None:
    hanging, *others = images
    hanging.file.path.unlink()
    os.mkfifo(hanging.file.path)
    outbox.put([hanging], "plate", target())
    outbox.put(others, "other", target())
    wait(outbox, lambda entries: entries[0].state is EntryState.SENDING)

    outbox.cancel(1)

    assert ended(outbox).sent == 5
    assert outbox.entries[0].words == "cancelled, 0 of 1 image sent"
    os.close(os.open(hanging.file.path, os.O_WRONLY))


def test_what_is_cancelled_before_its_turn_is_never_sent(
    outbox: Outbox, viewers: FakeViewers, images: list[FoundImage]
) -> None:
    viewers.absent = {5555}
    first = outbox.put(images, "one", target())
    second = outbox.put(images, "two", target())

    outbox.cancel(second)
    viewers.absent = set()
    outbox.cancel(second)

    ended(outbox)
    assert [entry.state for entry in outbox.entries] == [EntryState.DONE, EntryState.CANCELLED]
    assert len(viewers.streams) == 1
    assert first != second


def test_files_that_cannot_be_read_are_listed_and_tried_again_alone(
    outbox: Outbox, viewers: FakeViewers, images: list[FoundImage]
) -> None:
    broken = images[2].file.path
    whole = broken.read_bytes()
    broken.write_bytes(b"")
    ticket = outbox.put(images, "plate", target())
    entry = ended(outbox)

    broken.write_bytes(whole)
    outbox.retry(ticket)
    mended = ended(outbox)

    assert (entry.state, entry.sent, [failure.path for failure in entry.failures]) == ("done", 5, [broken])
    assert "1 image could not be read" in entry.words
    assert (mended.sent, mended.failures) == (6, ())
    assert [sent["well"] for sent in viewers.streams[1].sent] == ["A02"]


def test_a_viewer_that_wants_no_images_says_why_and_they_can_be_sent_later(
    outbox: Outbox, viewers: FakeViewers, images: list[FoundImage]
) -> None:
    def refuse(stream: FakeStream) -> None:
        raise HandshakeRefusedError("it is too old")

    viewers.prepare = refuse
    ticket = outbox.put(images, "plate", target())
    entry = ended(outbox)
    viewers.prepare = lambda stream: None
    outbox.retry(ticket)

    assert (entry.state, entry.sent) == (EntryState.FAILED, 0)
    assert "it is too old" in entry.words
    assert ended(outbox).sent == 6


def test_all_can_be_sent_again(outbox: Outbox, viewers: FakeViewers, images: list[FoundImage]) -> None:
    ticket = outbox.put(images, "plate", target(), run="the run")
    ended(outbox)

    outbox.send_again(ticket)

    assert ended(outbox).sent == 6
    assert [(stream.run, len(stream.sent)) for stream in viewers.streams] == [("the run", 6)] * 2


def test_entries_stay_until_they_are_dismissed(outbox: Outbox, images: list[FoundImage]) -> None:
    ticket = outbox.put(images, "plate", target())
    ended(outbox)

    outbox.dismiss(ticket)

    assert outbox.entries == []


def test_closing_ends_everything_and_says_what_was_not_sent(
    viewers: FakeViewers, images: list[FoundImage]
) -> None:
    viewers.absent = {5555}
    outbox = Outbox(viewers.connect, lambda: 0.0, retry_seconds=0.01)
    outbox.put(images, "plate", target())
    outbox.put(images, "plate", target())

    waiting = outbox.waiting
    outbox.close()

    ended(outbox)
    assert waiting == 12
    assert [entry.state for entry in outbox.entries] == [EntryState.CANCELLED] * 2


def test_what_is_cancelled_while_the_stream_to_a_replaced_viewer_closes_stays_cancelled(
    tmp_path: Path,
) -> None:
    class Replaced(FakeStream):
        """A stream whose viewer is another one after each image; somebody cancels while it closes."""

        def send(self, pixels: object, **keywords: Any) -> None:
            super().send(pixels, **keywords)
            self.viewer_run = "another run"

        def close(self, *arguments: Any) -> None:
            outbox.cancel(ticket)
            super().close(*arguments)

    streams: list[Any] = []

    def connect(_: object, run: str) -> Any:
        streams.append(FakeStream(run) if streams else Replaced(run))
        begun.wait()
        return streams[-1]

    begun = threading.Event()
    outbox = Outbox(connect, lambda: 0.0, retry_seconds=0.01)
    ticket = outbox.put(images_of(write_plate(tmp_path)), "Assay 7", target())
    sending = list(outbox._threads.values())
    begun.set()
    for thread in sending:
        thread.join()

    assert [entry.state for entry in outbox.entries] == [EntryState.CANCELLED]
    assert len(streams) == 1
