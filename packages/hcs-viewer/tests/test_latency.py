from hcs_protocol import Latency
from hcs_viewer._latency import KEPT, Hops


def test_a_hop_that_nothing_took_yet_is_left_out() -> None:
    hops = Hops()
    hops.store.append(0.5)

    assert hops.latency() == {"store": Latency(p50=0.5, p99=0.5)}


def test_only_the_latest_times_count() -> None:
    hops = Hops()
    hops.wire.extend([9.0] * KEPT + [1.0] * KEPT)

    assert hops.latency()["wire"] == Latency(p50=1.0, p99=1.0)
