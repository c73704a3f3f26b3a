"""How a viewer is, by what was seen of it: no window, no process, no time."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from hcs_protocol import Connection, Pong, Tunnel
from hcs_stream.manager._condition import Condition, Health, Process, Seen, condition


@pytest.fixture
def seen(connection: Callable[..., Connection], pong: Callable[..., Pong]) -> Callable[..., Seen]:
    """Make what is seen of a viewer that answered at 100 s."""

    def make(answer: dict[str, Any] | None = None, **changes: Any) -> Seen:
        said = None if answer is None else pong(**answer)
        known = {"connection": connection(), "first_seen": 40.0, "pong": said, "answered_at": 100.0}
        return Seen(**known | changes)

    return make


def test_a_viewer_whose_window_moves_is_well(seen: Any) -> None:
    assert condition(seen({}), 100.0) == Condition(Health.WELL, "ready")


@pytest.mark.parametrize(("now", "health"), [(101.9, Health.WELL), (102.1, Health.ILL)])
def test_two_seconds_after_its_last_answer_a_viewer_is_ill(seen: Any, now: float, health: Health) -> None:
    assert condition(seen({"window_age_seconds": 0.0}), now).health is health


def test_the_age_of_the_windows_last_sign_of_life_counts(seen: Any) -> None:
    hung = seen({"window_age_seconds": 1.5})

    assert condition(hung, 100.4).health is Health.WELL
    assert condition(hung, 100.6).word == "busy"


def test_a_viewer_that_answers_while_its_window_hangs_is_ill_and_says_since_when(seen: Any) -> None:
    how = condition(seen({"window_age_seconds": 7.2}), 100.0)

    assert how.health is Health.ILL
    assert "has not moved for 7 s" in how.problem


def test_a_viewer_that_starts_is_neither_well_nor_ill_however_long_its_window_takes(seen: Any) -> None:
    starting = seen({"state": "starting", "window_age_seconds": 20.0}, first_seen=95.0)

    assert condition(starting, 100.0) == Condition(Health.WAITING, "starting")


def test_a_start_that_takes_very_long_is_remarked_on(seen: Any) -> None:
    starting = seen({"state": "starting"}, first_seen=50.0)

    assert "starting for 50 s" in condition(starting, 100.0).problem


def test_a_viewer_that_was_found_a_moment_ago_may_be_starting(seen: Any) -> None:
    new = seen(None, first_seen=99.0, answered_at=float("-inf"))

    assert condition(new, 100.0) == Condition(Health.WAITING, "starting")
    assert condition(new, 101.1).word == "not answering"


def test_a_stopped_process_is_ill_at_once_and_one_reads_what_helps(seen: Any) -> None:
    how = condition(seen({}, process=Process.STOPPED), 100.0)

    assert (how.health, how.word) == (Health.ILL, "frozen")
    assert "kill -CONT 9555" in how.problem


@pytest.mark.parametrize("has_file", [True, False])
def test_a_process_that_is_gone_is_ill(seen: Any, has_file: bool) -> None:
    how = condition(seen({}, process=Process.GONE, has_file=has_file), 100.0)

    assert (how.health, how.word) == (Health.ILL, "gone")


def test_a_window_that_was_closed_is_told_from_one_that_crashed(seen: Any) -> None:
    closed = condition(seen({"state": "closing"}, process=Process.GONE, has_file=False), 100.0)
    crashed = condition(seen({}, process=Process.GONE), 100.0)

    assert closed.problem == "its window was closed"
    assert "without a goodbye" in crashed.problem


def test_how_a_viewer_was_ended_here_is_said(seen: Any) -> None:
    assert condition(seen({}, process=Process.GONE, ending="killed"), 100.0).problem == "killed"


@pytest.mark.parametrize("process", [Process.RUNS, Process.GONE])
def test_a_viewer_that_was_asked_to_close_closes(seen: Any, process: Process) -> None:
    closing = seen({}, process=process, is_asked_to_close=True)

    assert condition(closing, 105.0) == Condition(Health.WAITING, "closing")


def test_closing_is_no_excuse_for_a_long_silence(seen: Any) -> None:
    assert condition(seen({"state": "closing"}), 111.0).word == "not answering"


def test_why_a_viewer_did_not_close_is_said(seen: Any) -> None:
    assert condition(seen({}, refusal="no goodbye"), 100.0) == Condition(Health.WELL, "ready", "no goodbye")


def test_of_another_machines_process_nothing_is_known_but_its_answers(seen: Any, connection: Any) -> None:
    remote = seen({}, process=Process.ELSEWHERE, connection=connection(host="imaging-3"))

    assert condition(remote, 100.0).health is Health.WELL
    assert "is imaging-3 up, and its port 6555 reachable?" in condition(remote, 110.0).problem
    assert condition(msgspec.structs.replace(remote, has_file=False), 100.0).word == "gone"


def test_a_viewer_behind_a_tunnel_is_named_after_its_machine(seen: Any, connection: Any) -> None:
    tunnel = Tunnel(host="ssh://imaging-3", far_end="imaging-3", pid=4711, start_time=1.0)
    known = connection(tunnel=tunnel)

    silent = condition(seen({}, process=Process.ELSEWHERE, connection=known), 110.0)
    gone = condition(seen({}, process=Process.GONE, connection=known), 100.0)

    assert silent.problem.endswith("is imaging-3 up? Process 4711 keeps the tunnel")
    assert gone.problem == "the tunnel to imaging-3 is closed; the viewer may still run"


def test_an_answer_that_was_none_is_told_when_a_viewer_is_silent(seen: Any) -> None:
    how = condition(seen({}, trouble="no hcs message"), 110.0)

    assert (how.word, how.problem) == ("failed", "no hcs message")
