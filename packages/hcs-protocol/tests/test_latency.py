import pytest

from hcs_protocol import Latency, whole_journey


@pytest.mark.parametrize(
    ("seconds", "p50", "p99"),
    [([3.0], 3.0, 3.0), ([2.0, 1.0], 1.0, 2.0), (range(1, 101), 50, 99), (range(1, 1001), 500, 990)],
)
def test_half_of_the_times_and_all_but_a_hundredth_do_not_exceed(
    seconds: list[float], p50: float, p99: float
) -> None:
    assert Latency.of(seconds) == Latency(p50=p50, p99=p99)


def test_a_journey_is_the_viewers_hops_after_those_of_its_slowest_worker() -> None:
    viewers = {"draw": Latency(p50=4.0, p99=5.0), "nap": Latency(p50=0.0, p99=0.0)}
    fast, slow = ({"queue": Latency(p50=p50, p99=9 * p50)} for p50 in (1.0, 2.0))

    journey = whole_journey(viewers, [fast, slow, {}])

    assert list(journey) == ["queue", "draw", "nap"]
    assert journey["queue"] == slow["queue"]
