from hcs_viewer._callers import MOST_WAITING, WAITING_NBYTES, Caller, Callers, Looked

PORT = 5555
HERE = Looked("127.0.0.1", received=0, is_let_in=False)
IN = Looked("127.0.0.1", received=900, is_let_in=True)


def waiting(callers: Callers, count: int, looked: Looked = HERE, first: int = 0) -> list[Caller]:
    """Let some come, and look at them."""
    before = callers.waiting
    for descriptor in range(first, first + count):
        callers.come(PORT, descriptor)
    came = [caller for caller in callers.waiting if caller not in before]
    assert [callers.see(caller, looked) for caller in came] == [None] * count
    return came


def test_who_is_let_in_waits_no_more() -> None:
    callers = Callers()
    [caller] = waiting(callers, 1)

    assert callers.see(caller, IN) is None

    assert callers.waiting == []
    assert len(callers) == 1


def test_who_says_more_than_a_handshake_has_to_go() -> None:
    callers = Callers()
    [caller] = waiting(callers, 1)

    assert callers.see(caller, Looked("::1", WAITING_NBYTES, is_let_in=False)) is None
    assert (
        callers.see(caller, Looked("::1", WAITING_NBYTES + 1, is_let_in=False))
        == "says more than a handshake"
    )


def test_one_who_was_let_in_may_say_what_it_likes() -> None:
    callers = Callers()
    [caller] = waiting(callers, 1)

    assert callers.see(caller, Looked("::1", 1 << 40, is_let_in=True)) is None


def test_of_too_many_the_one_that_waits_longest_goes() -> None:
    callers = Callers()
    came = waiting(callers, MOST_WAITING + 2)

    assert list(callers.too_many()) == came[:2]


def test_of_too_many_those_of_the_loudest_machine_go() -> None:
    callers = Callers(most_waiting=3)
    waiting(callers, 1)
    loud = waiting(callers, 4, Looked("10.0.0.66", received=0, is_let_in=False), first=10)

    assert list(callers.too_many()) == loud[:2]


def test_one_that_is_let_in_meanwhile_need_not_go() -> None:
    callers = Callers(most_waiting=1)
    first, second, third = waiting(callers, 3)

    gone = []
    for caller in callers.too_many():
        callers.see(second, IN)
        gone += [caller] if callers.waits(caller) else []

    assert gone == [first]
    assert callers.waiting == [first, third]


def test_peers_beyond_the_limit_have_to_go() -> None:
    callers = Callers(most_peers=1)
    first, second = waiting(callers, 2)

    assert callers.see(first, IN) is None
    assert (callers.see(second, IN) or "").startswith("too many peers")


def test_a_connection_that_is_over_counts_no_more() -> None:
    callers = Callers()
    waiting(callers, 2)

    callers.go(PORT, 0)
    callers.go(PORT, 0)

    assert [caller.descriptor for caller in callers.waiting] == [1]


def test_a_descriptor_that_is_used_again_is_another_caller() -> None:
    callers = Callers()
    [caller] = waiting(callers, 1)
    callers.see(caller, IN)

    callers.come(PORT, caller.descriptor)

    assert len(callers.waiting) == len(callers) == 1
