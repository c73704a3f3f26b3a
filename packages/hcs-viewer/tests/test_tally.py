import pytest

from hcs_protocol import Counters
from hcs_viewer._tally import MAX_COMPLAINTS, Tally


def test_what_happened_is_counted_beside_what_others_know() -> None:
    tally = Tally()
    tally.count("adopted")
    tally.count("nbytes", 12)

    assert tally.counters(workers=2, dropped=3) == Counters(adopted=1, nbytes=12, workers=2, dropped=3)


def test_every_mistake_is_counted_and_each_kind_logged_once_per_peer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tally = Tally()
    for identity, reason in [(b"1", "no batch: x"), (b"1", "no batch: y"), (b"2", "no batch: z")]:
        tally.complain(identity, reason)

    assert tally.counters(workers=0, dropped=0).malformed == 3
    assert [record.getMessage() for record in caplog.records] == [
        "refused peer=31 reason=no batch: x",
        "refused peer=32 reason=no batch: z",
    ]


def test_each_field_of_a_message_that_is_none_is_a_kind_wherever_it_stands(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tally = Tally()
    for where in ("items[0].sequence", "items[7].sequence", "oldest"):
        tally.complain(b"", f"no hcs message: Expected `int`, got `str` - at `$.{where}`")

    said = [record.getMessage().partition("$.")[2] for record in caplog.records]
    assert said == ["items[0].sequence`", "oldest`"]


def test_peers_without_end_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    tally = Tally()
    for number in range(MAX_COMPLAINTS + 10):
        tally.complain(str(number).encode(), "no batch")

    assert len(caplog.records) == MAX_COMPLAINTS
