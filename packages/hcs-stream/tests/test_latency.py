"""The latest durations and their percentiles."""

from hcs_protocol import Latency
from hcs_stream._latency import KEPT, Durations


def test_before_the_first_there_is_none() -> None:
    assert Durations().latency() is None


def test_half_of_them_are_below_the_median_and_one_in_a_hundred_above_the_last() -> None:
    lately = Durations()
    for milliseconds in range(1, 101):
        lately.add(milliseconds / 1000)

    assert lately.latency() == Latency(p50=0.050, p99=0.099)


def test_what_is_long_ago_is_forgotten() -> None:
    lately = Durations()
    lately.add(60.0)
    for _ in range(KEPT):
        lately.add(0.001)

    assert lately.latency() == Latency(p50=0.001, p99=0.001)


def test_a_clock_that_was_set_back_makes_no_time_negative() -> None:
    lately = Durations()
    lately.add(-5.0)

    assert lately.latency() == Latency(p50=0.0, p99=0.0)
