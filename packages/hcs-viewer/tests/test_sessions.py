from hypothesis import given
from hypothesis import strategies as st

from hcs_viewer._sessions import Received, Session, Sessions


def opened(sessions: Sessions, *, worker_run: str = "w1", identity: bytes = b"1", now: float = 0) -> Session:
    return sessions.open(identity, worker_run, "worker", now)


@given(st.permutations(range(1, 20)))
def test_numbers_are_held_in_whatever_order_they_come(order: list[int]) -> None:
    received = Received()
    for sequence in order:
        received.add(sequence)

    assert received.upto == 19
    assert not received.beyond


def test_up_to_a_gap_and_beyond_it() -> None:
    received = Received()
    for sequence in (1, 2, 4, 5, 5):
        received.add(sequence)

    assert received.upto == 2
    assert [sequence in received for sequence in range(1, 7)] == [True, True, False, True, True, False]


def test_what_is_no_longer_owed_counts_as_held() -> None:
    received = Received()
    received.add(7)

    received.forget_below(7)

    assert received.upto == 7
    assert not received.beyond


def test_an_older_oldest_changes_nothing() -> None:
    received = Received(upto=5)

    received.forget_below(3)

    assert received.upto == 5


@given(st.lists(st.integers(1, 30)), st.integers(1, 30))
def test_forgetting_never_loses_a_number(numbers: list[int], oldest: int) -> None:
    received = Received()
    for sequence in numbers:
        received.add(sequence)
    received.forget_below(oldest)

    assert all(sequence in received for sequence in [*numbers, *range(1, oldest)])
    assert received.upto + 1 not in received


def test_each_session_has_an_id_of_its_own() -> None:
    sessions = Sessions()
    first, second = opened(sessions), opened(sessions, worker_run="w2")

    assert first.id != second.id
    assert sessions.get(first.id) is first
    assert len(sessions) == 2


def test_a_worker_run_that_comes_again_gets_a_new_session_and_keeps_its_numbers() -> None:
    sessions = Sessions()
    before = opened(sessions)
    sessions.received(before).add(1)
    before.segments.add("hcs-1")

    after = opened(sessions)

    assert list(sessions) == [after]
    assert sessions.received(after).upto == 1
    assert after.segments == {"hcs-1"}


def test_a_session_that_fell_silent_keeps_its_workers_numbers() -> None:
    sessions = Sessions()
    session = opened(sessions)
    sessions.received(session).add(1)

    sessions.close(session, for_good=False)

    assert sessions.get(session.id) is None
    assert sessions.received(opened(sessions)).upto == 1


def test_after_a_goodbye_the_numbers_are_forgotten() -> None:
    sessions = Sessions()
    session = opened(sessions)
    sessions.received(session).add(1)

    sessions.close(session, for_good=True)

    assert sessions.received(opened(sessions)).upto == 0


def test_a_session_that_is_over_leads_to_the_one_its_worker_run_has_now() -> None:
    sessions = Sessions()
    first = opened(sessions)
    second = opened(sessions, identity=b"2")

    assert sessions.latest(first.id) is sessions.latest(second.id) is second
    assert sessions.latest("unknown") is None

    sessions.close(second, for_good=True)
    assert sessions.latest(first.id) is None


def test_silent_sessions_are_those_without_a_later_sign() -> None:
    sessions = Sessions()
    silent = opened(sessions, now=1)
    opened(sessions, worker_run="w2", now=3)

    assert sessions.silent_since(2) == [silent]
