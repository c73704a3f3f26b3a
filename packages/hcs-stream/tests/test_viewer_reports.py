"""All viewers that run are asked at once, and none of them holds up the others."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from hcs_protocol import (
    MalformedMessageError,
    Pong,
    ViewerStalledError,
    decode,
    new_id,
    write_connection,
)
from hcs_protocol.testing import FakeClock, golden_messages
from hcs_stream._viewer import Viewer
from hcs_stream._viewer_reports import Rates, ViewerReport, report_viewers
from hcs_stream._viewers import viewers

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "command-line.md"
GONE = 2**22 + 1
LONG = 20.0


@pytest.fixture
def pong() -> Pong:
    """What a busy day's viewer answers."""
    message = decode(golden_messages()["pong_with_workers.json"])
    assert isinstance(message, Pong)
    return message


@pytest.fixture
def stopped_process() -> Iterator[psutil.Process]:
    """A process that was stopped, as by Ctrl-Z."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    yield psutil.Process(process.pid)
    process.kill()
    process.wait()


def found(viewer: Any) -> Viewer:
    """Return a fake as who found its file would see it."""
    return Viewer(viewer.connection, viewer.path)


# Which viewers run.


def test_running_viewers_are_found_by_their_files_and_sorted_by_port(new_viewer: Any) -> None:
    ports = [new_viewer().connection.data_port for _ in range(3)]

    assert [viewer.connection.data_port for viewer in viewers()] == sorted(ports)


def test_the_file_of_a_viewer_that_is_gone_is_skipped_and_left(viewer: Any, own_places: Path) -> None:
    gone = msgspec.structs.replace(viewer.connection, data_port=23_456, pid=GONE, viewer_run=new_id())
    left = write_connection(gone, [own_places])

    assert [found.connection for found in viewers()] == [viewer.connection]
    assert left.exists()


# What they say.


def test_a_report_has_what_the_viewer_says(viewer: Any, pong: Pong) -> None:
    viewer.pong = pong

    [report] = report_viewers(viewers(), LONG, now=lambda: 7.5)

    assert (report.seen_at, report.state, report.problem) == (7.5, "ready", None)
    assert (report.counters, report.latency, report.workers) == (pong.counters, pong.latency, pong.workers)
    assert (report.data_port, report.pid) == (viewer.connection.data_port, os.getpid())


@pytest.mark.parametrize(
    ("state", "age", "shown"),
    [
        ("ready", 1.9, "ready"),
        ("ready", 2.1, "busy"),
        ("starting", 9.0, "starting"),
        ("closing", 9.0, "closing"),
    ],
)
def test_a_window_without_a_sign_of_life_is_busy(viewer: Any, state: Any, age: float, shown: str) -> None:
    viewer.pong = msgspec.structs.replace(viewer.pong, state=state, window_age_seconds=age)

    [report] = report_viewers(viewers(), LONG)

    assert report.state == shown


def test_all_viewers_are_asked_at_the_same_time(new_viewer: Any, pong: Pong) -> None:
    viewers = [found(new_viewer()) for _ in range(3)]
    all_asked = threading.Barrier(3, timeout=LONG)

    def ping(viewer: Viewer, timeout: float) -> Pong:
        all_asked.wait()
        return pong

    assert [report.state for report in report_viewers(viewers, 1.0, ping=ping)] == ["ready"] * 3


def test_a_viewer_that_does_not_answer_is_listed_beside_those_that_do(new_viewer: Any) -> None:
    silent, other = new_viewer(), new_viewer()
    silent.answers = False

    reports = report_viewers([found(silent)], 0.05) + report_viewers([found(other)], LONG)

    assert [report.state for report in reports] == ["not answering", "ready"]
    assert reports[0].problem == (
        f"no reply to Ping within 0.05 s: viewer 'fake' on port {silent.connection.data_port}"
    )


@pytest.mark.parametrize("change", [{"public_key": "short"}, {"host": "my host"}])
def test_a_viewer_that_cannot_be_asked_keeps_no_other_from_being_listed(
    viewer: Any, change: dict[str, str]
) -> None:
    odd = Viewer(msgspec.structs.replace(viewer.connection, title="odd", **change), viewer.path)

    reports = report_viewers([odd, found(viewer)], LONG)

    assert [report.state for report in reports] == ["failed", "ready"]
    assert re.match(r"viewer 'odd' cannot be reached at tcp://.*:\d+: Invalid", reports[0].problem or "")


def test_a_viewer_that_was_stopped_is_frozen(viewer: Any, stopped_process: psutil.Process) -> None:
    viewer.answers = False
    started = stopped_process.create_time()
    stopped = msgspec.structs.replace(viewer.connection, pid=stopped_process.pid, start_time=started)

    [report] = report_viewers([Viewer(stopped, viewer.path)], 0.05)

    assert (report.state, report.counters) == ("frozen", None)
    assert report.problem == (
        f"its process is stopped; 'kill -CONT {stopped_process.pid}' lets it go on, "
        f"'hcs-stream kill {stopped.data_port}' ends it"
    )


def test_another_machines_viewer_is_never_called_frozen(viewer: Any) -> None:
    remote = msgspec.structs.replace(viewer.connection, host="10.0.0.9")

    [report] = report_viewers([Viewer(remote, viewer.path)], 0.05, ping=no_answer)

    assert (report.host, report.state) == ("10.0.0.9", "not answering")


def test_a_viewer_that_talks_nonsense_has_failed(viewer: Any) -> None:
    def ping(viewer: Viewer, timeout: float) -> Pong:
        raise MalformedMessageError("no hcs message")

    [report] = report_viewers([found(viewer)], LONG, ping=ping)

    assert (report.state, report.problem) == ("failed", "no hcs message")


def test_a_viewer_that_ends_while_it_is_asked_is_not_listed(viewer: Any) -> None:
    gone = msgspec.structs.replace(viewer.connection, pid=GONE)

    assert report_viewers([Viewer(gone, viewer.path)], LONG, ping=no_answer) == []


# JSON.


def test_a_line_of_json_leaves_no_zero_out(pong: Pong) -> None:
    line = json.loads(report_of(pong).json())

    assert line["counters"]["malformed"] == 0
    assert line["workers"][0]["dropped"] == {}
    assert line["latency"]["wire"] == {"p50": 0.00021, "p99": 0.0014}


def test_a_line_of_json_has_the_same_keys_when_there_was_no_answer(pong: Pong) -> None:
    silent = msgspec.structs.replace(report_of(pong), counters=None, workers=[], latency={})

    assert json.loads(silent.json()).keys() == json.loads(report_of(pong).json()).keys()


def test_json_is_one_line_of_ascii(pong: Pong) -> None:
    line = msgspec.structs.replace(report_of(pong), title="Zellkerne in Öl\n\x1b[31m").json()

    assert line.isascii()
    assert line.isprintable()


@pytest.mark.skipif(not PAGE.is_file(), reason="the pages are in the repository, not in the sdist")
def test_each_key_is_in_the_reference() -> None:
    section = PAGE.read_text(encoding="utf-8").split("### For programs")[1].split("\n## ")[0]
    keys = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)

    assert tuple(keys) == ViewerReport.__struct_fields__


# Rates.


def test_rates_are_what_was_added_per_second(pong: Pong) -> None:
    clock = FakeClock()
    rates = Rates(clock)
    rates.add([report_of(pong)])
    clock.advance(2.0)

    [report] = rates.add([report_of(pong, adopted=pong.counters.adopted + 30)])

    assert report.rates_per_second is not None
    assert (report.rates_per_second["adopted"], report.rates_per_second["shown"]) == (15.0, 0.0)
    assert "workers" not in report.rates_per_second


def test_a_viewers_first_report_has_no_rates(pong: Pong) -> None:
    [report] = Rates(FakeClock()).add([report_of(pong)])

    assert report.rates_per_second is None


def test_after_a_silence_rates_are_of_all_the_time_since(pong: Pong) -> None:
    clock = FakeClock()
    rates = Rates(clock)
    rates.add([report_of(pong)])
    for _ in range(2):
        clock.advance(2.0)
        rates.add([msgspec.structs.replace(report_of(pong), counters=None)])

    [report] = rates.add([report_of(pong, nbytes=pong.counters.nbytes + 400)])

    assert report.rates_per_second is not None
    assert report.rates_per_second["nbytes"] == 100.0


def no_answer(viewer: Viewer, timeout: float) -> Pong:
    """Ping a viewer in vain."""
    raise ViewerStalledError("no reply")


def report_of(pong: Pong, **counters: int) -> ViewerReport:
    """Return the report of a viewer that answers this."""
    return ViewerReport(
        seen_at=7.5,
        title=pong.title,
        host="127.0.0.1",
        data_port=5555,
        control_port=6555,
        pid=4711,
        start_time=1.0,
        viewer_run=pong.viewer_run,
        state="ready",
        counters=msgspec.structs.replace(pong.counters, **counters),
        latency=pong.latency,
        workers=pong.workers,
    )
