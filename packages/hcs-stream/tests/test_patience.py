"""How long a viewer may take, on links of all kinds."""

import pytest

from hcs_protocol import FrameRef, ImageReady, ImageSpec
from hcs_stream._held import Held
from hcs_stream._owed import Owed
from hcs_stream._patience import (
    MOST_ANSWER_SECONDS,
    MOST_GROWTH,
    QUEUE_SECONDS,
    STUCK_SECONDS,
    Patience,
)

MB = 1_000_000
USUAL_SECONDS = STUCK_SECONDS + QUEUE_SECONDS + 8.0
"""For 8 MB as a frame."""


class Link:
    """A link over which images go, one after another, on a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.patience = Patience(lambda: self.now)

    def gives_up(self, nbytes: int, seconds: float, *, by_frame: bool = True) -> bool:
        """Await an image; say whether it was given up before it was adopted after so many seconds."""
        awaited = image(nbytes)
        assert not self.patience.is_over(awaited, by_frame=by_frame)
        self.now += seconds
        if self.patience.is_over(awaited, by_frame=by_frame):
            self.patience.begin()
            return True
        self.patience.note_progress()
        assert not self.patience.is_over(None, by_frame=by_frame)
        return False


def image(nbytes: int) -> Owed:
    """An image of so many bytes in flight."""
    spec = ImageSpec(shape=(1, nbytes), dtype="uint8")
    ready = ImageReady(sequence=1, spec=spec, pixels=FrameRef(frame=1, nbytes=nbytes))
    return Owed(ready, Held(nbytes, memoryview(b"")), nbytes=nbytes)


def test_a_block_that_is_not_released_soon_is_overdue() -> None:
    assert Link().gives_up(8 * MB, STUCK_SECONDS + 0.5, by_frame=False)


def test_a_huge_block_has_the_time_that_it_takes_to_copy_it() -> None:
    assert not Link().gives_up(800 * MB, 10.0, by_frame=False)
    assert Link().gives_up(800 * MB, 20.0, by_frame=False)


def test_a_frame_has_the_time_that_a_slow_link_needs() -> None:
    assert not Link().gives_up(8 * MB, USUAL_SECONDS - 0.1)
    assert Link().gives_up(8 * MB, USUAL_SECONDS + 0.1)


def test_every_session_that_was_given_up_lets_the_next_one_last_longer() -> None:
    link = Link()
    seconds = 60.0  # for 8 MB: 1 Mbit/s

    tries = sum(link.gives_up(8 * MB, seconds) for _ in range(10))

    assert tries == 3


def test_what_was_learned_of_a_thin_link_is_not_forgotten_with_the_next_image() -> None:
    link = Link()
    while link.gives_up(8 * MB, 60.0):
        pass

    assert not any(link.gives_up(8 * MB, 90.0) for _ in range(20))


def test_a_link_that_got_faster_is_trusted_less_long_again() -> None:
    link = Link()
    while link.gives_up(8 * MB, 60.0):
        pass
    for _ in range(200):
        link.gives_up(8 * MB, 0.1)

    assert link.gives_up(8 * MB, USUAL_SECONDS + 0.1)


def test_an_image_so_small_that_its_time_says_nothing_of_the_next_teaches_little() -> None:
    link = Link()
    link.gives_up(1000, 0.4)

    assert link.gives_up(8 * MB, USUAL_SECONDS + 0.1)


def test_no_link_is_waited_for_without_end() -> None:
    link = Link()
    while link.gives_up(8 * MB, MOST_GROWTH * USUAL_SECONDS - 1):
        pass

    assert link.gives_up(8 * MB, MOST_GROWTH * USUAL_SECONDS + 1)


@pytest.mark.parametrize(("by_frame", "patience"), [(True, 4 * 1.5), (False, 0.0)])
def test_an_answer_may_take_longer_where_it_queues_with_pixels(by_frame: bool, patience: float) -> None:
    link = Link()
    link.patience.note_answer(1.5)

    assert link.patience.for_answer(0, by_frame=by_frame) == patience


def test_a_late_answer_is_remembered_for_a_while() -> None:
    link = Link()
    for seconds in (2.0, 0.1, 0.1):
        link.patience.note_answer(seconds)
    soon_after = link.patience.for_answer(0, by_frame=True)
    for _ in range(200):
        link.patience.note_answer(0.1)

    assert soon_after > 7.0
    assert link.patience.for_answer(0, by_frame=True) == QUEUE_SECONDS


def test_the_first_answers_may_queue_with_pixels_too_and_those_of_the_next_sessions_longer() -> None:
    link = Link()
    waits = []
    for _ in range(3):
        waits.append(link.patience.for_answer(0, by_frame=True))
        link.patience.note_silence()

    assert waits == [QUEUE_SECONDS, 2 * QUEUE_SECONDS, MOST_ANSWER_SECONDS]


def test_a_link_that_was_away_for_long_is_not_waited_for_so_long_again() -> None:
    link = Link()
    link.patience.note_answer(1000.0)

    assert link.patience.for_answer(0, by_frame=True) == MOST_ANSWER_SECONDS
