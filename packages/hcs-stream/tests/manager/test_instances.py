"""Which viewers are listed, from the first sight of one until it is dismissed; on a clock set by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hcs_protocol import Connection, WorkerStatus
from hcs_stream.manager._condition import Health, Process
from hcs_stream.manager._instances import Found, Instances, Launching


@pytest.fixture
def instances(clock: Any) -> Instances:
    """A list without viewers."""
    return Instances(clock)


@pytest.fixture
def found(connection: Callable[..., Connection]) -> Callable[..., Found]:
    """Make what is found of a viewer: a connection file, and a process that runs."""

    def make(data_port: int = 5555, process: Process = Process.RUNS, **changes: Any) -> Found:
        known = connection(data_port, **changes)
        return Found(path=Path(f"viewer-{data_port}.json"), connection=known, process=process, rss_nbytes=1)

    return make


def gone(connection: Connection) -> Process:
    """Say that a process is gone."""
    return Process.GONE


def words(instances: Instances) -> list[str]:
    """Return the word for each line."""
    return [instance.condition.word for instance in instances.listed()]


def test_viewers_are_listed_by_port(instances: Instances, found: Any) -> None:
    instances.look([found(5557), found(5555), found(5556)], gone)

    assert [instance.data_port for instance in instances.listed()] == [5555, 5556, 5557]


def test_a_viewer_that_is_gone_is_listed_until_it_is_dismissed(instances: Instances, found: Any) -> None:
    instances.look([found()], gone)

    for _ in range(3):
        instances.look([], gone)
    before = words(instances)
    instances.dismiss("run-5555")

    assert before == ["gone"]
    assert words(instances) == []


def test_what_was_dismissed_stays_so_while_its_file_is_there(instances: Instances, found: Any) -> None:
    dead = found(process=Process.GONE)
    instances.look([dead], gone)
    instances.dismiss("run-5555")

    instances.look([dead], gone)

    assert words(instances) == []


def test_a_viewer_that_follows_on_the_same_port_is_another_one(
    instances: Instances, found: Any, pong: Any
) -> None:
    instances.look([found(viewer_run="first")], gone)
    instances.look([found(viewer_run="second")], gone)
    instances.answered("second", pong())

    assert [(each.key, each.condition.word) for each in instances.listed()] == [
        ("first", "gone"),
        ("second", "ready"),
    ]


def test_the_title_is_what_the_viewer_says_last(instances: Instances, found: Any, pong: Any) -> None:
    instances.look([found()], gone)
    before = instances.listed()[0].title
    instances.answered("run-5555", pong(title="Renamed"))

    assert (before, instances.listed()[0].title) == ("Assay 1", "Renamed")


def test_the_rate_is_of_the_images_shown_in_the_last_seconds(
    instances: Instances, found: Any, pong: Any, clock: Any
) -> None:
    instances.look([found()], gone)
    for shown in (0, 0, 0, 0, 10, 20, 30):
        instances.answered("run-5555", pong(shown=shown))
        clock.advance(1.0)

    assert instances.listed()[0].shown_per_second == pytest.approx(10.0 * 3 / 4)


def test_a_viewer_that_shows_nothing_new_has_a_rate_of_zero(
    instances: Instances, found: Any, pong: Any, clock: Any
) -> None:
    instances.look([found()], gone)
    for _ in range(8):
        instances.answered("run-5555", pong(shown=40))
        clock.advance(0.5)

    assert instances.listed()[0].shown_per_second == 0.0


def test_an_ill_viewer_has_no_rate(instances: Instances, found: Any, pong: Any, clock: Any) -> None:
    instances.look([found()], gone)
    for shown in (0, 5):
        instances.answered("run-5555", pong(shown=shown))
        clock.advance(0.5)
    clock.advance(5.0)

    assert instances.listed()[0].shown_per_second is None


def test_images_wait_in_workers_on_the_way_and_in_a_viewer_that_starts(
    instances: Instances, found: Any, pong: Any
) -> None:
    workers = [WorkerStatus(name="a", queued=3, in_flight=2), WorkerStatus(name="b", queued=4)]
    instances.look([found()], gone)
    instances.answered("run-5555", pong(state="starting", adopted=10, shown=1, workers=workers))

    assert instances.listed()[0].waiting == 9 + 5 + 4


def test_a_launch_is_listed_until_its_viewer_is_found(instances: Instances, found: Any) -> None:
    instances.launch(Launching(title="New", data_port=5555, at=1.0))
    before = [(each.title, each.condition.health) for each in instances.listed()]

    instances.look([found(5556, requested_port=5555)], gone)

    assert before == [("New", Health.WAITING)]
    assert [each.key for each in instances.listed()] == ["run-5556"]


def test_a_launch_that_failed_is_listed_with_its_reason_until_dismissed(
    instances: Instances, found: Any
) -> None:
    key = instances.launch(Launching(title="New", data_port=5555, at=1.0))

    instances.launch_failed(key, "no display")
    instances.look([found()], gone)
    failed = next(each for each in instances.listed() if each.key == key)
    instances.dismiss(key)

    assert (failed.condition.health, failed.condition.problem, failed.is_over) == (
        Health.ILL,
        "no display",
        True,
    )
    assert [each.key for each in instances.listed()] == ["run-5555"]


def test_images_can_be_sent_to_a_viewer_that_starts_but_not_to_one_that_is_gone(
    instances: Instances, found: Any
) -> None:
    instances.look([found(5555), found(5556, Process.GONE)], gone)

    starting, over = instances.listed()

    assert starting.target is not None
    assert (starting.target.data_port, starting.target.viewer_run) == (5555, "run-5555")
    assert over.target is None


def test_what_comes_late_of_a_dismissed_viewer_is_harmless(
    instances: Instances, found: Any, pong: Any
) -> None:
    instances.look([found()], gone)
    instances.dismiss("run-5555")

    for late in (lambda run: instances.answered(run, pong()), instances.close, instances.dismiss):
        late("run-5555")
    instances.failed("run-5555", "late")

    assert words(instances) == []


def test_a_viewer_whose_file_was_deleted_is_known_by_its_process(
    instances: Instances, found: Any, pong: Any
) -> None:
    instances.look([found()], gone)
    instances.answered("run-5555", pong())

    instances.look([], lambda connection: Process.RUNS)

    assert words(instances) == ["ready"]
