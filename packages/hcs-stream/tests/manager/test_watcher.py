"""Viewers are asked in threads of their own: one that is slow keeps nobody waiting."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from hcs_protocol import (
    Connection,
    MalformedMessageError,
    Pong,
    Tunnel,
    ViewerStalledError,
    this_machine,
)
from hcs_stream._processes import KnownProcess
from hcs_stream._viewer import Viewer
from hcs_stream.manager._instances import Instance, Instances
from hcs_stream.manager._watcher import Watcher

LONG = 20.0


class Watched:
    """A watcher, what it told last, and what it finds and hears."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.files: list[tuple[Path, Connection]] = []
        self.answers: dict[int, Callable[[], Pong]] = {}
        self.listed: list[Instance] = []
        self._changed = threading.Condition()
        self.watcher = Watcher(Instances(clock), self._tell, find=lambda: list(self.files), ping=self._ping)

    def wait_for(self, condition: Callable[[dict[int, str]], object]) -> None:
        """Wait until the words for the viewers, by port, are so."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.words), LONG), f"never: {self.words}"

    @property
    def words(self) -> dict[int, str]:
        """The word for each viewer, by port."""
        return {instance.data_port: instance.condition.word for instance in self.listed}

    def _tell(self, listed: list[Instance]) -> None:
        with self._changed:
            self.listed = listed
            self._changed.notify_all()

    def _ping(self, viewer: Viewer, timeout: float) -> Pong:
        return self.answers[viewer.connection.data_port]()


@pytest.fixture
def watched(clock: Any) -> Iterator[Watched]:
    """A watcher that finds what a test tells it."""
    watched = Watched(clock)
    yield watched
    watched.watcher.stop(LONG)


@pytest.fixture
def mine(connection: Callable[..., Connection], tmp_path: Path) -> Callable[..., tuple[Path, Connection]]:
    """Make the connection file of a viewer that is this process."""

    def make(data_port: int, **changes: Any) -> tuple[Path, Connection]:
        me = psutil.Process()
        known = {"pid": me.pid, "start_time": me.create_time()}
        return tmp_path / f"viewer-{data_port}.json", connection(data_port, **known | changes)

    return make


def test_a_viewer_that_answers_is_ready_though_another_one_does_not(
    watched: Watched, mine: Any, pong: Any
) -> None:
    patience = threading.Event()

    def stall() -> Pong:
        patience.wait(LONG)
        raise ViewerStalledError("no reply")

    watched.files = [mine(5555), mine(5556)]
    watched.answers = {5555: stall, 5556: pong}
    watched.watcher.start()
    try:
        watched.wait_for(lambda words: words == {5555: "starting", 5556: "ready"})
    finally:
        patience.set()


def test_a_viewer_that_answers_no_more_is_ill_though_nobody_says_so(
    watched: Watched, mine: Any, pong: Any, clock: Any
) -> None:
    patience, answered = threading.Event(), []

    def answer_once() -> Pong:
        if answered:
            patience.wait(LONG)
            raise ViewerStalledError("no reply")
        answered.append(True)
        return pong()

    watched.files, watched.answers = [mine(5555)], {5555: answer_once}
    watched.watcher.start()
    try:
        watched.wait_for(lambda words: words == {5555: "ready"})
        clock.advance(2.1)
        watched.wait_for(lambda words: words == {5555: "not answering"})
    finally:
        patience.set()


def test_a_viewer_that_talks_nonsense_is_named(watched: Watched, mine: Any, clock: Any) -> None:
    def nonsense() -> Pong:
        clock.advance(1.0)
        raise MalformedMessageError("no hcs message")

    watched.files, watched.answers = [mine(5555)], {5555: nonsense}
    watched.watcher.start()

    watched.wait_for(lambda words: words == {5555: "failed"})
    assert watched.listed[0].condition.problem == "no hcs message"


def test_a_viewer_that_comes_later_is_found_and_one_that_went_is_remembered(
    watched: Watched, mine: Any, pong: Any
) -> None:
    watched.answers = {5555: pong, 5556: pong}
    watched.watcher.start()
    watched.files = [mine(5555)]
    watched.wait_for(lambda words: words == {5555: "ready"})

    watched.files = [mine(5555, pid=2**22 + 1), mine(5556)]

    watched.wait_for(lambda words: words == {5555: "gone", 5556: "ready"})


def test_the_memory_of_a_viewer_on_this_machine_is_known(watched: Watched, mine: Any, pong: Any) -> None:
    watched.files = [mine(5555), mine(5556, host="imaging-3", pid=2**22 + 1)]
    watched.answers = {5555: pong, 5556: pong}
    watched.watcher.start()
    watched.wait_for(lambda words: words == {5555: "ready", 5556: "ready"})

    here, there = watched.listed

    assert here.rss_nbytes
    assert there.rss_nbytes is None


def test_a_viewer_behind_a_tunnel_is_not_of_this_machine(watched: Watched, mine: Any, pong: Any) -> None:
    keeper = KnownProcess.of(os.getpid())
    tunnel = Tunnel(
        host="ssh://imaging-3",
        far_end="imaging-3",
        pid=keeper.pid,
        start_time=keeper.start_time,
        machine=this_machine(),
    )
    gone = msgspec.structs.replace(tunnel, pid=2**22 + 1)
    watched.files = [
        mine(5555, tunnel=tunnel, machine="another"),
        mine(5556, tunnel=gone, machine="another"),
    ]
    watched.answers = {5555: pong, 5556: pong}
    watched.watcher.start()
    watched.wait_for(lambda words: words == {5555: "ready", 5556: "gone"})

    there = watched.listed[0]

    assert (there.machine, there.host, there.is_local, there.rss_nbytes) == (
        "imaging-3",
        "ssh://imaging-3",
        False,
        None,
    )


def test_a_look_that_fails_is_not_the_last(watched: Watched, mine: Any, pong: Any, caplog: Any) -> None:
    fails = [OSError("stale file handle")]
    files = [mine(5555)]

    def find() -> list[tuple[Path, Connection]]:
        if fails:
            raise fails.pop()
        return files

    watched.watcher._find = find
    watched.answers = {5555: pong}
    watched.watcher.start()

    watched.wait_for(lambda words: words == {5555: "ready"})
    assert "stale file handle" in caplog.text
