import pytest

from hcs_protocol import Latency
from hcs_viewer._latency import KEPT, Hops, summed_up


@pytest.mark.parametrize(
    ("seconds", "p50", "p99"),
    [([3.0], 3.0, 3.0), ([2.0, 1.0], 1.0, 2.0), (range(1, 101), 50, 99), (range(1, 1001), 500, 990)],
)
def test_half_of_the_times_and_all_but_a_hundredth_do_not_exceed(
    seconds: list[float], p50: float, p99: float
) -> None:
    assert summed_up(seconds) == Latency(p50=p50, p99=p99)


def test_a_hop_that_nothing_took_yet_is_left_out() -> None:
    hops = Hops()
    hops.store.append(0.5)

    assert hops.latency() == {"store": Latency(p50=0.5, p99=0.5)}


def test_only_the_latest_times_count() -> None:
    hops = Hops()
    hops.wire.extend([9.0] * KEPT + [1.0] * KEPT)

    assert hops.latency()["wire"] == Latency(p50=1.0, p99=1.0)
