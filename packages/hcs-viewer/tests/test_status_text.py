"""What the status dock says, word by word."""

import pytest

from hcs_protocol import Counters, Latency, Pong, WorkerStatus
from hcs_viewer._settings import ViewerSettings
from hcs_viewer._status_text import (
    Rates,
    hops_table,
    images_table,
    memory,
    milliseconds,
    size,
    summary,
    where,
    workers_table,
)

BUSY = WorkerStatus(
    name="node:1",
    published=20,
    queued=3,
    in_flight=2,
    shown=9,
    resent=1,
    dropped={"latest": 4, "spill": 0},
    latency={"copy": Latency(p50=0.001, p99=0.002), "queue": Latency(p50=0.1, p99=0.25)},
)
IDLE = WorkerStatus(name="node:2", published=5, latency={"copy": Latency(p50=0.003, p99=0.009)})


def pong(counters: Counters | None = None, *workers: WorkerStatus, **latency: Latency) -> Pong:
    return Pong(
        reply_to="",
        viewer_run="v",
        title="t",
        state="ready",
        window_age_seconds=0.0,
        counters=counters or Counters(),
        protocol_version=1,
        latency=latency,
        workers=list(workers),
    )


def test_a_first_look_knows_no_rates() -> None:
    assert Rates().of(pong(Counters(adopted=10)), 100.0) == {}


def test_rates_are_what_came_since_the_last_look_per_second() -> None:
    rates = Rates()
    rates.of(pong(Counters(adopted=10, nbytes=100), BUSY), 100.0)

    found = rates.of(pong(Counters(adopted=15, nbytes=300), WorkerStatus(name="node:1", published=30)), 102.0)

    assert (found["adopted"], found["nbytes"], found["worker node:1"]) == (2.5, 100.0, 5.0)


def test_a_worker_that_is_new_or_began_anew_has_no_rate_below_zero() -> None:
    rates = Rates()
    rates.of(pong(None, BUSY), 100.0)

    found = rates.of(pong(None, WorkerStatus(name="node:1", published=1), IDLE), 101.0)

    assert found["worker node:1"] == 0
    assert "worker node:2" not in found


def test_the_summary_says_how_fast_how_many_and_what_waits() -> None:
    seen = pong(Counters(shown=1970, workers=2), BUSY, IDLE)

    assert summary(seen, {"adopted": 12.52}) == "12.5 images/s · 1970 shown · 5 waiting · 2 workers"


def test_the_summary_names_losses_if_there_are_any() -> None:
    seen = pong(Counters(shown=1, workers=1, refused=2, dropped=4))

    assert summary(seen, {}) == "1 shown · 0 waiting · 1 worker · 2 refused · 4 dropped"


@pytest.mark.parametrize(
    ("budget", "spilled", "words"),
    [
        (None, 0, "memory 1.5 GiB"),
        (4 << 30, 0, "memory 1.5 GiB of 4.0 GiB"),
        (4 << 30, 300 << 20, "memory 1.5 GiB of 4.0 GiB · 300.0 MiB on disk"),
    ],
)
def test_memory_is_told_with_its_budget_and_what_is_on_disk(
    budget: int | None, spilled: int, words: str
) -> None:
    assert memory(3 << 29, budget, spilled) == words


def test_images_are_counted_in_all_and_per_second() -> None:
    rows = images_table(Counters(received=7, nbytes=2048), {"received": 1.25, "nbytes": 1024.0}).rows

    assert rows[0] == ("images", "all", "in 1 s")
    assert rows[1] == ("received", "7", "1.2")
    assert rows[-1] == ("size", "2.0 KiB", "1.0 KiB")
    assert ("dropped", "0", "") in rows


def test_hops_come_in_the_order_of_the_journey_with_the_slowest_worker() -> None:
    draw, wire = Latency(p50=0.016, p99=0.052), Latency(p50=0.0002, p99=0.0014)

    rows = hops_table(pong(None, BUSY, IDLE, draw=draw, wire=wire)).rows

    assert rows == [
        ("ms", "p50", "p99"),
        ("copy", "3.00", "9.00"),
        ("queue", "100", "250"),
        ("wire", "0.20", "1.40"),
        ("draw", "16.00", "52.00"),
    ]


def test_each_worker_has_a_row_with_its_trouble() -> None:
    header, busy, idle = workers_table([BUSY, IDLE], {"worker node:1": 2.0}).rows

    assert header[2:6] == ("queued", "in flight", "shown", "published")
    assert busy == ("node:1", "2.0", "3", "2", "9", "20", "2.00", "250", "1 resent, 4 dropped by latest")
    assert idle == ("node:2", "", "0", "0", "0", "5", "9.00", "", "")


def test_what_a_peer_calls_itself_cannot_write_over_the_window() -> None:
    _, row = workers_table([WorkerStatus(name="a\x1b\nb")], {}).rows

    assert row[0] == "a??b"


def test_units_are_those_of_the_command_line() -> None:
    assert [size(n) for n in (0, 1023, 1024, 1 << 40)] == ["0 B", "1023 B", "1.0 KiB", "1.0 TiB"]
    assert [milliseconds(s) for s in (0.00009, 0.25)] == ["0.09", "250"]


def test_it_says_where_it_listens_and_loudly_for_whom_if_that_is_everybody() -> None:
    assert where(ViewerSettings(data_port=5557)) == "Listening on port 5557"
    assert "INSECURE: open to everybody" in where(ViewerSettings(insecure=True))
