"""One worker and a viewer that is none: what arrives, in which order, whatever happens on the way."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcs_protocol import BlockRef, Credit, FrameRef, ViewerStalledError
from hcs_protocol.testing import FakeClock, FakeLender, FakeSpiller
from hcs_stream._session import Session


def grey_values(viewer: Any) -> list[int]:
    """The grey values of the images that arrived, in order."""
    return [pixels[0] for pixels in viewer.pixels()]


def in_background(call: Callable[[], object]) -> threading.Thread:
    """Start this in a thread."""
    thread = threading.Thread(target=call)
    thread.start()
    return thread


# The way out and back.


def test_images_arrive_in_the_order_in_which_they_were_sent(viewer: Any, stream: Any, image: Any) -> None:
    for value in range(200):
        stream.send(image(value), site=value)
    stream.flush()

    assert grey_values(viewer) == list(range(200))
    assert viewer.sequences() == list(range(1, 201))


def test_pixels_go_by_block_when_the_viewer_reads_the_workers_memory(
    viewer: Any, stream: Any, image: Any, lender: FakeLender
) -> None:
    stream.send(image(7))
    stream.flush()

    (item, pixels), *_ = viewer.arrived
    assert isinstance(item.pixels, BlockRef)
    assert pixels == bytes([7]) * 20
    assert not lender.lent


def test_pixels_go_as_frames_when_the_viewer_reads_another_nonce(
    viewer: Any, new_stream: Any, image: Any
) -> None:
    viewer.nonce = "of another machine"
    stream = new_stream(viewer.connection.data_port)

    stream.send_batch([image(1), image(2)])
    stream.flush()

    assert [item.pixels for item, _ in viewer.arrived] == [FrameRef(frame=1, nbytes=20)] * 2
    assert grey_values(viewer) == [1, 2]


def test_a_batch_is_one_message(viewer: Any, stream: Any, image: Any) -> None:
    stream.send_batch([(image(1), {"well": "A1"}), (image(2), {"well": "A2"}), image(3)], channel="DAPI")
    stream.flush()

    assert [len(batch.items) for batch in viewer.batches] == [3]
    components = [item.address.components for item, _ in viewer.arrived]
    assert [(each.well, each.channel) for each in components] == [
        ("A01", "DAPI"),
        ("A02", "DAPI"),
        (None, "DAPI"),
    ]


def test_a_batch_larger_than_the_pool_goes_in_parts(viewer: Any, stream: Any, lender: FakeLender) -> None:
    lender.capacity = 100

    stream.send_batch([np.full((6, 6), value, np.uint8) for value in range(9)])
    stream.flush()

    assert grey_values(viewer) == list(range(9))


def test_news_of_a_run_are_numbered_with_its_images(viewer: Any, stream: Any, image: Any) -> None:
    stream.declare(wells=["a1"], sites=[np.int64(2)], steps=[(1, "blur")], name="assay")
    stream.send(image(1))
    stream.progress(step=(1, "blur"), well="a1", done=1, of=2)
    stream.end_run(state="failed", error="no disk")
    stream.flush()

    items = [item for item, _ in viewer.arrived]
    assert [type(item).__name__ for item in items] == ["RunStarted", "ImageReady", "StepProgress", "RunEnded"]
    assert (items[0].wells, items[0].sites, items[0].name) == (["A01"], [2], "assay")
    assert viewer.sequences() == [1, 2, 3, 4]


def test_what_is_shown_is_counted(viewer: Any, stream: Any, image: Any) -> None:
    stream.send(image(1))
    viewer.wait_for(lambda: stream.counters.shown == 1)

    counted = stream.counters
    assert (counted.published, counted.adopted, counted.in_flight, counted.nbytes) == (1, 1, 0, 20)


def test_closing_says_goodbye_with_the_last_number(viewer: Any, stream: Any, image: Any) -> None:
    with stream:
        stream.send(image(1))

    assert [goodbye.last for goodbye in viewer.goodbyes] == [1]


def test_a_closed_stream_takes_no_image(stream: Any, image: Any) -> None:
    stream.close()
    stream.close()

    with pytest.raises(RuntimeError, match="closed"):
        stream.send(image(1))


def test_an_array_that_cannot_be_written_leaves_no_block_behind(
    viewer: Any, stream: Any, lender: FakeLender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream._room._writer, "write", lambda array, pixels: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        stream.send(np.zeros((2, 2), np.uint8))

    assert not lender.lent


# Credit, and room for pixels.


def test_no_more_is_in_flight_than_the_viewer_allows(viewer: Any, new_stream: Any, image: Any) -> None:
    viewer.credit, viewer.releases = (3, 1 << 20), False
    stream = new_stream(viewer.connection.data_port)
    for value in range(10):
        stream.send(image(value))
    viewer.wait_for(lambda: len(viewer.arrived) == 3)

    for arrived in range(4, 11):
        viewer.release(1)
        viewer.wait_for(lambda arrived=arrived: len(viewer.arrived) == arrived)

    assert viewer.most_held == 3
    assert grey_values(viewer) == list(range(10))


def test_more_credit_lets_more_go(viewer: Any, new_stream: Any, image: Any) -> None:
    viewer.credit, viewer.releases = (0, 0), False
    stream = new_stream(viewer.connection.data_port)
    stream.send_batch([image(1), image(2)])

    viewer.wait_for(lambda: stream.counters.queued == 2 and viewer.hellos)
    viewer.say(lambda session: Credit(session=session, images=2, nbytes=1000))

    viewer.wait_for(lambda: len(viewer.arrived) == 2)


def test_a_full_pool_waits_for_a_release(viewer: Any, stream: Any, image: Any, lender: FakeLender) -> None:
    viewer.releases = False
    lender.capacity = 40
    stream.send_batch([image(1), image(2)])
    viewer.wait_for(lambda: len(viewer.arrived) == 2)

    sending = in_background(lambda: stream.send(image(3)))
    viewer.release(1)
    sending.join()

    viewer.wait_for(lambda: grey_values(viewer) == [1, 2, 3])


def test_a_viewer_that_releases_nothing_is_named(
    viewer: Any, new_stream: Any, image: Any, lender: FakeLender
) -> None:
    viewer.releases = False
    lender.capacity = 20
    stream = new_stream(viewer.connection.data_port, overflow="block(0.05)")
    stream.send(image(1))
    viewer.wait_for(lambda: viewer.arrived)

    with pytest.raises(
        ViewerStalledError, match=rf"1 images .* 'fake' on port {viewer.connection.data_port}"
    ):
        stream.send(image(2))
    with pytest.raises(ViewerStalledError, match="1 images"):
        stream.flush(timeout=0.05)


def test_an_image_larger_than_the_pool_goes_to_disk_whatever_the_policy(
    viewer: Any, stream: Any, image: Any, lender: FakeLender, spiller: FakeSpiller
) -> None:
    lender.capacity = 10

    stream.send(image(5))
    stream.flush()

    assert (grey_values(viewer), stream.counters.spilled) == ([5], 1)
    assert not spiller.lent


def test_an_image_larger_than_pool_and_disk_goes_as_a_frame(
    viewer: Any,
    stream: Any,
    image: Any,
    lender: FakeLender,
    spiller: FakeSpiller,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lender.capacity = spiller.capacity = 10

    stream.send(image(5))
    stream.send(image(6))
    stream.flush()

    assert grey_values(viewer) == [5, 6]
    assert caplog.text.count("no shared memory for an image") == 1


def test_a_pool_that_is_full_for_others_is_no_reason_to_fail(
    viewer: Any, stream: Any, image: Any, lender: FakeLender
) -> None:
    lender.capacity = 0

    threads = [in_background(lambda value=value: stream.send(image(value))) for value in range(8)]
    for thread in threads:
        thread.join()
    stream.flush()

    assert sorted(grey_values(viewer)) == list(range(8))


# Refusals.


def test_a_refused_image_is_given_up_and_nothing_hangs(
    viewer: Any, stream: Any, image: Any, lender: FakeLender, caplog: pytest.LogCaptureFixture
) -> None:
    viewer.refuses = lambda ready: ready.address.components.site == 2

    for site in (1, 2, 3):
        stream.send(image(site), site=site)
    stream.flush()

    assert grey_values(viewer) == [1, 3]
    assert stream.counters.refused == 1
    assert not lender.lent
    assert caplog.text.count("image refused") == 1


def test_what_a_viewer_says_stays_in_one_line_of_the_log_without_escapes(
    viewer: Any, stream: Any, image: Any, caplog: pytest.LogCaptureFixture
) -> None:
    viewer.refuses, viewer.reason = (lambda ready: True), "no\nERROR all images lost \x1b]0;title\x07"

    stream.send(image(1))
    stream.flush()

    [said] = [each.getMessage() for each in caplog.records if "image refused" in each.getMessage()]
    assert said.isprintable()
    assert "all images lost" in said


def test_an_image_whose_block_cannot_be_opened_is_sent_as_a_frame(
    viewer: Any, stream: Any, image: Any
) -> None:
    viewer.refuses, viewer.wants_frame = (lambda ready: ready.address.components.site == 2), True

    for site in (1, 2, 3):
        stream.send(image(site), site=site)
    stream.flush()

    assert sorted(grey_values(viewer)) == [1, 2, 3]
    assert (stream.counters.refused, stream.counters.resent) == (0, 1)


def test_a_worker_that_is_not_welcome_learns_why(viewer: Any, new_stream: Any) -> None:
    viewer.refusal = "update the worker"

    publisher = new_stream(viewer.connection.data_port)._publishers[0]

    assert not publisher.wait_until_open(20.0)
    assert publisher.refusal == "update the worker"


# When something dies.


def test_what_is_sent_before_there_is_a_viewer_arrives_later(
    viewer: Any, new_viewer: Any, new_stream: Any, image: Any
) -> None:
    viewer.kill()
    stream = new_stream(viewer.connection.data_port)
    for value in range(5):
        stream.send(image(value))

    later = new_viewer(viewer.connection.data_port)
    stream.flush()

    assert grey_values(later) == [0, 1, 2, 3, 4]


def test_what_a_killed_viewer_did_not_release_goes_to_the_next_one(
    viewer: Any, new_viewer: Any, stream: Any, image: Any
) -> None:
    viewer.releases = False
    for value in range(5):
        stream.send(image(value))
    viewer.wait_for(lambda: len(viewer.arrived) == 5)
    viewer.release(2)
    viewer.wait_for(lambda: stream.counters.adopted == 2)
    viewer.kill()

    stream.send(image(5))
    next_one = new_viewer(viewer.connection.data_port)
    stream.flush()

    assert grey_values(next_one) == [2, 3, 4, 5]
    assert stream.counters.resent >= 3


def test_a_viewer_that_forgot_the_session_is_greeted_anew(viewer: Any, stream: Any, image: Any) -> None:
    stream.send(image(1))
    stream.flush()

    viewer.forget_sessions()
    stream.send(image(2))
    stream.flush()

    assert grey_values(viewer) == [1, 2]
    assert len({hello.worker_run for hello in viewer.hellos}) == 1


def test_a_message_that_was_overheard_is_sent_again(viewer: Any, new_stream: Any, image: Any) -> None:
    clock = FakeClock()
    stream = new_stream(viewer.connection.data_port, clock=clock)
    assert stream._publishers[0].wait_until_open(20.0)
    viewer.lose_next_batch()

    stream.send(image(1))
    stream.send(image(2))
    viewer.wait_for(lambda: clock.advance(0.02) or len(viewer.arrived) == 2)
    stream.flush()

    assert sorted(grey_values(viewer)) == [1, 2]


def test_a_viewer_that_says_nothing_for_long_is_greeted_anew(
    viewer: Any, new_stream: Any, image: Any
) -> None:
    clock = FakeClock()
    stream = new_stream(viewer.connection.data_port, clock=clock)
    stream.send(image(1))
    stream.flush()
    viewer.answers = False
    stream.send(image(2))

    viewer.wait_for(lambda: clock.advance(0.02) or clock.now > 1003)
    viewer.answers = True
    stream.flush()

    assert grey_values(viewer) == [1, 2]


def test_a_viewer_elsewhere_whose_answers_queue_with_pixels_is_not_given_up(
    viewer: Any, new_stream: Any, image: Any
) -> None:
    viewer.nonce = "of another machine"
    clock = FakeClock()
    stream = new_stream(viewer.connection.data_port, clock=clock)
    stream.send(image(1))
    stream.flush()
    viewer.answers = False
    stream.send(image(2))

    viewer.wait_for(lambda: clock.advance(0.02) or clock.now > 1005)
    viewer.answers = True
    stream.flush()

    assert grey_values(viewer) == [1, 2]
    assert (len(viewer.hellos), stream.counters.resent) == (1, 0)


def test_an_interrupted_send_loses_nothing_that_was_sent(
    viewer: Any, stream: Any, image: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.releases = False
    stream.send(image(1))
    viewer.wait_for(lambda: viewer.arrived)
    with monkeypatch.context() as patch:
        patch.setattr(Session, "send", interrupt)
        with pytest.raises(KeyboardInterrupt):
            stream.send(image(2))

    viewer.releases = True
    stream.send(image(3))
    stream.flush()

    assert grey_values(viewer) == [1, 2, 3]
    assert len(viewer.hellos) == 2


def test_a_send_that_is_interrupted_before_it_is_published_leaves_nothing(
    viewer: Any, stream: Any, image: Any, lender: FakeLender, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(stream._room._writer, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            stream.send(image(1))

    stream.send(image(2))
    stream.flush()

    assert grey_values(viewer) == [2]
    assert not lender.lent


def interrupt(*arguments: object) -> None:
    """What Ctrl-C does at any place."""
    raise KeyboardInterrupt


def test_what_is_left_when_a_stream_closes_is_said(
    viewer: Any, stream: Any, image: Any, caplog: pytest.LogCaptureFixture
) -> None:
    viewer.releases = False
    stream.send_batch([image(1), image(2)])

    stream.close(timeout=0.05)

    assert "images not adopted" in caplog.text
    assert "left=2" in caplog.text


# Many threads, many processes.


def test_all_streams_and_threads_of_a_process_share_two_sockets(
    viewer: Any, new_stream: Any, image: Any
) -> None:
    streams = [new_stream(viewer.connection.data_port) for _ in range(10)]

    threads = [
        in_background(lambda stream=stream: [stream.send(image(1)) for _ in range(10)])
        for stream in streams
        for _ in range(4)
    ]
    for thread in threads:
        thread.join()
    streams[0].flush()

    assert len(viewer.arrived) == 400
    assert viewer.accepted == {"control": 1, "data": 1}
    for stream in streams:
        stream.close()
    assert len(viewer.goodbyes) == 1


def run(folder: Path, code: str, port: int) -> subprocess.CompletedProcess[str]:
    """Run a program of its own to its end."""
    program = folder / "program.py"
    program.write_text(code)
    command = [sys.executable, str(program), str(port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


EXIT_WITHOUT_CLOSING = """
import sys, hcs_stream, numpy
stream = hcs_stream.connect(data_port=int(sys.argv[1]), run="r")
for value in range(50):
    stream.send(numpy.full((300, 300), value, numpy.uint8))
"""

WORKER_OF_A_POOL = """
import multiprocessing, sys
def work(value):
    import hcs_stream, numpy
    stream = hcs_stream.connect(data_port=int(sys.argv[1]))
    stream.send(numpy.full((9, 9), value, numpy.uint8))
    return stream.run
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        runs = pool.map(work, range(8), chunksize=1)
        pool.close()
        pool.join()
    print(len(set(runs)))
"""

INHERITED = """
import multiprocessing, sys, warnings, hcs_stream, numpy
warnings.simplefilter("ignore", DeprecationWarning)
stream = hcs_stream.connect(data_port=int(sys.argv[1]), run="r")

def work(number):
    stream.send(numpy.full((9, 9), number, numpy.uint8))

child = multiprocessing.get_context("fork").Process(target=work, args=(7,))
child.start()
child.join()
stream.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_what_a_forked_worker_sends_through_its_parents_stream_arrives(viewer: Any, tmp_path: Path) -> None:
    ended = run(tmp_path, INHERITED, viewer.connection.data_port)

    assert ended.returncode == 0, ended.stderr
    assert grey_values(viewer) == [7]


FORK = """
import os, sys, warnings, hcs_stream, numpy
warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, which is what is tried here
stream = hcs_stream.connect(data_port=int(sys.argv[1]), run="r")
stream.send(numpy.full((9, 9), 1, numpy.uint8))
if not (child := os.fork()):
    stream.send(numpy.full((9, 9), 2, numpy.uint8))
    stream.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
stream.send(numpy.full((9, 9), 3, numpy.uint8))
stream.close()
"""


def test_a_process_that_ends_waits_until_its_images_are_adopted(viewer: Any, tmp_path: Path) -> None:
    ended = run(tmp_path, EXIT_WITHOUT_CLOSING, viewer.connection.data_port)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert grey_values(viewer) == list(range(50))
    assert len(viewer.goodbyes) == 1


def test_workers_of_a_pool_do_so_too_and_share_a_run(viewer: Any, tmp_path: Path) -> None:
    ended = run(tmp_path, WORKER_OF_A_POOL, viewer.connection.data_port)

    assert (ended.stdout, ended.stderr) == ("1\n", "")
    assert sorted(grey_values(viewer)) == list(range(8))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_streams_by_itself_and_leaves_its_parent_alone(viewer: Any, tmp_path: Path) -> None:
    ended = run(tmp_path, FORK, viewer.connection.data_port)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(grey_values(viewer)) == [1, 2, 3]
    assert len({hello.worker_run for hello in viewer.hellos}) == 2
