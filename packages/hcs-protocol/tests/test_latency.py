import pytest

from hcs_protocol import Latency


@pytest.mark.parametrize(
    ("seconds", "p50", "p99"),
    [([3.0], 3.0, 3.0), ([2.0, 1.0], 1.0, 2.0), (range(1, 101), 50, 99), (range(1, 1001), 500, 990)],
)
def test_half_of_the_times_and_all_but_a_hundredth_do_not_exceed(
    seconds: list[float], p50: float, p99: float
) -> None:
    assert Latency.of(seconds) == Latency(p50=p50, p99=p99)
