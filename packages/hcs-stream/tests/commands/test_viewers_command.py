"""`hcs-stream viewers`: once, every second, for people and for programs."""

import json
from argparse import Namespace
from typing import Any

import msgspec
import pytest

from hcs_protocol import Counters
from hcs_protocol.testing import FakeClock
from hcs_stream.cli import main
from hcs_stream.commands._viewers_command import list_viewers, watch

SHOW_CURSOR = "\x1b[?25h"

Captured = pytest.CaptureFixture[str]


class Seconds:
    """A clock that moves by sleeping, until somebody presses Ctrl-C."""

    def __init__(self, count: int) -> None:
        self.clock = FakeClock(100.0)
        self.left = count
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def test_running_viewers_are_listed(new_viewer: Any, capsys: Captured) -> None:
    ports = sorted(new_viewer().connection.data_port for _ in range(2))

    assert main(["viewers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:4] for line in lines if line.startswith("fake")] == [
        ["fake", "ready", "data", str(port)] for port in ports
    ]


def test_each_viewer_is_a_line_of_json(new_viewer: Any, capsys: Captured) -> None:
    ports = sorted(new_viewer().connection.data_port for _ in range(2))

    assert main(["viewers", "--json"]) == 0
    assert [json.loads(line)["data_port"] for line in capsys.readouterr().out.splitlines()] == ports


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_without_a_viewer_one_reads_how_to_start_one(arguments: list[str], capsys: Captured) -> None:
    status = main(["viewers", *arguments])
    said = capsys.readouterr()

    assert (status, said.out) == (1, "")
    assert said.err.startswith(
        "hcs-stream: no viewer of this user runs; start one with 'hcs-stream start', or "
    )


def test_watched_viewers_are_listed_every_second_with_rates(viewer: Any, capsys: Captured) -> None:
    seconds = Seconds(3)

    def sleep(duration: float) -> None:
        viewer.pong = pong_with(viewer, adopted=viewer.pong.counters.adopted + 5)
        seconds.sleep(duration)

    options = Namespace(watch=True, json=True, ssh=None)
    assert list_viewers(options, clock=seconds.clock, sleep=sleep) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["counters"]["adopted"] for line in lines] == [0, 5, 10]
    assert [(line["rates_per_second"] or {}).get("adopted") for line in lines] == [None, 5.0, 5.0]


def test_who_watches_sees_viewers_come(new_viewer: Any, capsys: Captured) -> None:
    seconds = Seconds(2)

    def sleep(duration: float) -> None:
        new_viewer()
        seconds.sleep(duration)

    list_viewers(Namespace(watch=True, json=False, ssh=None), clock=seconds.clock, sleep=sleep)
    out = capsys.readouterr().out

    assert "no viewer of this user runs" in out.splitlines()[0]
    assert "fake  ready" in out


def test_a_look_that_takes_long_is_followed_by_the_next_at_once() -> None:
    seconds = Seconds(3)
    looks = iter([0.25, 5.0, 0.25])

    watch(lambda: seconds.clock.advance(next(looks)), clock=seconds.clock, sleep=seconds.sleep)

    assert seconds.slept == [0.75, 0.0, 0.75]


def test_a_terminal_shows_the_latest_look_in_the_place_of_the_one_before(
    viewer: Any, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    seconds = Seconds(2)

    list_viewers(Namespace(watch=True, json=False, ssh=None), clock=seconds.clock, sleep=seconds.sleep)
    out = capsys.readouterr().out

    assert out.index("\x1b[1A") < out.index("in 1 s")
    assert out.endswith(SHOW_CURSOR)


def pong_with(viewer: Any, **counters: int) -> Any:
    """Return the fake's answer with these counters."""
    return msgspec.structs.replace(viewer.pong, counters=Counters(**counters))
