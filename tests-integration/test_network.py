"""Worker and viewer are on machines of their own; their link is cut, slow or thin, and nothing is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from network import (
    PREFIX,
    Network,
    Outcome,
    Slowness,
    away_for_long,
    cut_link,
    dask_cluster,
    left,
    overloaded,
    slow_link,
    sweep,
    thin_link,
    two_hosts,
    viewer_vanishes,
    why_no_network,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

HERE = Path(__file__).parent


@pytest.fixture(autouse=True, scope="module")
def _namespaces_can_be_made() -> None:
    if why := why_no_network():
        pytest.skip(why)


def check_all_is_shown_once(outcome: Outcome, images: int) -> None:
    """Compare what was published with what the viewer took in and shows."""
    assert outcome.is_clean, outcome.report()
    assert outcome.account.images == images
    assert (outcome.shown["adopted"], outcome.shown["shown"]) == (images, images)
    assert left() == []


def test_every_image_arrives_once_however_the_link_is_cut() -> None:
    outcome = cut_link(400, 3, seconds=4.0)

    check_all_is_shown_once(outcome, 400)
    assert (outcome.cuts, min(outcome.in_flight) > 0) == (3, True)


def test_a_window_shows_every_image_though_the_link_was_cut() -> None:
    outcome = cut_link(120, 1, has_window=True)

    check_all_is_shown_once(outcome, 120)
    assert outcome.shown["in_layers"] == 120


def test_a_link_that_was_away_for_longer_than_all_timeouts_is_used_again() -> None:
    outcome = away_for_long(200, seconds=35.0)

    check_all_is_shown_once(outcome, 200)


def test_two_machines_stream_to_one_viewer_and_one_that_is_cut_off_holds_up_nobody() -> None:
    outcome = two_hosts(200)

    check_all_is_shown_once(outcome, 400)


@pytest.mark.parametrize("overflow", ["spill", "block(60)"])
def test_a_viewer_that_does_not_keep_up_loses_nothing_where_the_policy_says_so(overflow: str) -> None:
    outcome = overloaded(600, overflow=overflow)

    check_all_is_shown_once(outcome, 600)
    assert outcome.account.dropped.total() == 0


def test_of_what_a_viewer_does_not_keep_up_with_the_policy_drops_and_says_so() -> None:
    outcome = overloaded(1200, overflow="drop_oldest")

    assert outcome.is_clean, outcome.report()
    assert outcome.account.dropped["drop_oldest"] > 0
    assert outcome.shown["adopted"] + outcome.account.dropped.total() == 1200


def test_a_slow_link_with_losses_delivers_everything() -> None:
    outcome = slow_link(10)

    check_all_is_shown_once(outcome, 10)


def test_a_thin_link_whose_queue_delays_every_answer_delivers_everything_the_first_time() -> None:
    outcome = thin_link(8)

    check_all_is_shown_once(outcome, 8)
    assert outcome.resent == 0


def test_what_a_viewer_did_not_release_before_its_machine_vanished_goes_to_the_next_one() -> None:
    outcome = viewer_vanishes(300)

    assert outcome.is_clean, outcome.report()
    assert outcome.account.images == 300


def test_a_dask_cluster_streams_to_a_viewer_on_a_third_machine() -> None:
    outcome = dask_cluster()

    check_all_is_shown_once(outcome, 192)
    assert outcome.shown["in_layers"] == 192


# The machines themselves.


def test_what_a_harness_that_was_killed_left_is_swept() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    name = f"{PREFIX}{gone.pid}-1"
    subprocess.run(["ip", "netns", "add", name], check=True)
    with subprocess.Popen(["ip", "netns", "exec", name, "cat"], stdin=subprocess.PIPE) as forgotten:
        sweep()

        assert forgotten.wait() != 0
    assert not Path("/run/netns", name).exists()


def test_an_error_leaves_no_namespace() -> None:
    with pytest.raises(ZeroDivisionError):
        fail_on_a_slow_machine()

    assert left() == []


def fail_on_a_slow_machine() -> None:
    with Network() as network:
        network.machine(Slowness())
        assert len(left()) == 2
        raise ZeroDivisionError


def test_the_session_says_everything_in_one_line() -> None:
    command = [sys.executable, "-m", "network", "--images", "400", "--scenarios", "cut_link"]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    done = subprocess.run(
        command, cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True, timeout=170, check=False
    )
    report = json.loads(done.stdout.splitlines()[-1])

    wanted = {"images": 400, "lost": 0, "shown_twice": 0, "skipped": 0, "cuts": 5, "failed": []}
    assert {name: report[name] for name in wanted} == wanted, done.stdout
    assert done.returncode == 0
