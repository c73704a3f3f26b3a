from hypothesis import given
from hypothesis import strategies as st

from hcs_protocol import WorkerStatus
from hcs_viewer._sessions import GONE_SECONDS, MAX_COUNT, MAX_GONE, Received, Session, Sessions


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
    before.history.received.add(1)
    before.segments.add("hcs-1")

    after = opened(sessions)

    assert list(sessions) == [after]
    assert after.history.received.upto == 1
    assert after.segments == {"hcs-1"}


def test_a_session_that_fell_silent_keeps_its_workers_numbers() -> None:
    sessions = Sessions()
    session = opened(sessions)
    session.history.received.add(1)

    sessions.close(session, 0, for_good=False)

    assert sessions.get(session.id) is None
    assert opened(sessions).history.received.upto == 1


def test_after_a_goodbye_the_numbers_are_forgotten() -> None:
    sessions = Sessions()
    session = opened(sessions)
    session.history.received.add(1)

    sessions.close(session, 0, for_good=True)

    assert opened(sessions).history.received.upto == 0


def test_a_worker_run_is_known_by_the_session_it_has_now() -> None:
    sessions = Sessions()
    opened(sessions)
    second = opened(sessions, identity=b"2")

    assert sessions.of("w1") is second
    assert sessions.of("unknown") is None

    sessions.close(second, 0, for_good=True)
    assert sessions.of("w1") is None


def test_closing_a_session_a_second_time_is_harmless() -> None:
    sessions = Sessions()
    before = opened(sessions)
    after = opened(sessions)

    sessions.close(before, 0, for_good=True)

    assert list(sessions) == [after]
    assert sessions.of("w1") is after


# Workers that are gone.


def test_numbers_of_a_worker_that_never_had_a_session_are_kept_like_any_others() -> None:
    sessions = Sessions()
    sessions.history("w1", now=0).received.add(1)

    assert opened(sessions).history.received.upto == 1


def test_a_worker_that_is_gone_for_long_is_forgotten() -> None:
    sessions = Sessions()
    sessions.history("early", now=0).received.add(1)
    sessions.history("late", now=GONE_SECONDS).received.add(1)

    sessions.forget_gone(GONE_SECONDS + 1)

    uptos = [sessions.history(run, GONE_SECONDS + 1).received.upto for run in ("early", "late")]
    assert uptos == [0, 1]


def test_a_worker_that_has_a_session_is_never_forgotten() -> None:
    sessions = Sessions()
    sessions.close(opened(sessions), 0, for_good=False)
    session = opened(sessions, now=1)
    session.history.received.add(1)

    sessions.forget_gone(10 * GONE_SECONDS)

    assert sessions.history("w1", 10 * GONE_SECONDS) is session.history


def test_of_very_many_workers_the_longest_gone_are_forgotten_first() -> None:
    sessions = Sessions()
    for number in range(MAX_GONE + 1):
        sessions.history(f"w{number}", now=0).received.add(1)
    sessions.history("w0", now=0)

    sessions.forget_gone(0)

    assert [sessions.history(run, 0).received.upto for run in ("w0", "w1", "w2")] == [1, 0, 1]


def test_a_dead_worker_is_not_counted_though_its_session_is_not_over() -> None:
    sessions = Sessions()
    opened(sessions).is_orphaned = True
    opened(sessions, worker_run="w2")

    assert (sessions.workers, len(sessions)) == (1, 2)


def test_what_workers_dropped_is_remembered_when_they_are_gone_and_counted_once() -> None:
    sessions = Sessions()
    for number in range(3):
        session = opened(sessions, worker_run=f"w{number}")
        session.history.status = WorkerStatus(dropped={"latest": 10, "drop_oldest": number})
        if number < 2:
            sessions.close(session, 0, for_good=bool(number))

    assert sessions.dropped == 33

    opened(sessions, worker_run="w0")
    assert sessions.dropped == 33


def test_a_worker_that_boasts_breaks_no_sum() -> None:
    sessions = Sessions()
    opened(sessions).history.status = WorkerStatus(dropped={"a": MAX_COUNT, "b": MAX_COUNT})

    assert sessions.dropped == MAX_COUNT
