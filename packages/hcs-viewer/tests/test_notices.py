"""What the user is told, and that it is told once."""

import pytest

from hcs_protocol import RunEnded
from hcs_protocol.testing import FakeClock
from hcs_viewer._inbox import Trouble
from hcs_viewer._notices import AND_MORE, MAX_PER_MINUTE, MAX_WORDS, Notices


class Told(list[str]):
    """What a user was told, at a time of one's own choice."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.notices = Notices(self.append, self.clock)


def failed(run: str, error: str | None = None) -> RunEnded:
    return RunEnded(sequence=1, run=run, state="failed", error=error)


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_run_that_failed_is_told_with_its_error(told: Told) -> None:
    told.notices.run_ended(failed("plate 7", "no such channel"))

    assert told == ["Run 'plate 7' failed: no such channel"]


def test_images_of_a_layer_that_the_user_took_away_are_told_once(told: Told) -> None:
    for layer in ("DAPI", "GFP", "DAPI"):
        told.notices.kept_away(layer)

    assert [text.partition(",")[0] for text in told] == [
        "Images still come for 'DAPI'",
        "Images still come for 'GFP'",
    ]
    assert "hcs-stream clear" in told[0]


def test_a_run_that_completed_is_no_news(told: Told) -> None:
    told.notices.run_ended(RunEnded(sequence=1, run="plate 7"))

    assert not told


@pytest.mark.parametrize(
    ("trouble", "text"),
    [
        (Trouble("refused", "n:1", "no block"), "Worker n:1 sent an image that cannot be shown: no block."),
        (
            Trouble("recovered", "n:1"),
            "Worker n:1 ended without a goodbye; what it left is shown.",
        ),
        (
            Trouble("dropped", "", "latest"),
            "A worker gave up images that this viewer did not take in time (its policy is latest).",
        ),
        (
            Trouble("no memory", "n:1", "wanted 8 bytes"),
            "There is no memory for more images; Worker n:1 keeps them: wanted 8 bytes.",
        ),
    ],
)
def test_trouble_is_told_in_a_sentence(told: Told, trouble: Trouble, text: str) -> None:
    told.notices.trouble(trouble)

    assert told == [text]


def test_the_same_thing_is_told_once_whatever_numbers_are_in_it(told: Told) -> None:
    for wanted in range(1000):
        told.notices.trouble(Trouble("refused", "n:1", f"wanted {wanted} bytes: {wanted}"))

    assert len(told) == 1


def test_another_worker_policy_or_reason_is_news(told: Told) -> None:
    for who, policy in [("n:1", "latest"), ("n:1", "drop_oldest"), ("n:2", "latest"), ("n:1", "latest")]:
        told.notices.trouble(Trouble("dropped", who, policy))

    assert len(told) == 3


def test_a_layer_that_cannot_be_drawn_is_told_once_per_kind_of_error(told: Told) -> None:
    for error in (ValueError("1"), ValueError("2"), TypeError("3")):
        told.notices.not_drawn("DAPI", error)

    assert told == ["DAPI could not be drawn: 1", "DAPI could not be drawn: 3"]


def test_a_store_without_a_problem_is_no_news(told: Told) -> None:
    told.notices.store_problem(None)
    told.notices.store_problem("the disk is full")
    told.notices.store_problem("the disk is full")

    assert told == ["Images stay in memory: the disk is full"]


def test_a_flood_ends_with_a_hint_and_begins_again_a_minute_later(told: Told) -> None:
    for number in range(100):
        told.notices.run_ended(failed(f"run {number}"))
    told.clock.now += 61
    told.notices.run_ended(failed("later"))

    assert told[MAX_PER_MINUTE:] == [AND_MORE, "Run 'later' failed."]


def test_what_a_peer_says_is_cut_short_and_printable(told: Told) -> None:
    told.notices.run_ended(failed("\x1b[31m", "x" * 10_000))

    assert "\x1b" not in told[0]
    assert len(told[0]) < MAX_WORDS + 50


def test_what_a_peer_says_is_no_html_that_opens_files(told: Told) -> None:
    told.notices.run_ended(failed("plate 7", "<img src='/run/pipe'>"))

    assert told == ["Run 'plate 7' failed: <\N{WORD JOINER}img src='/run/pipe'>"]


def test_a_notice_that_cannot_be_shown_raises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(text: str) -> None:
        raise RuntimeError(text)

    Notices(refuse, FakeClock()).run_ended(failed("plate 7"))

    assert "notice not shown" in caplog.text
