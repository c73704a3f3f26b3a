import threading
from collections.abc import Callable

from hcs_viewer._inbox import Inbox

MANY = 20_000
PATIENCE_SECONDS = 30


def nothing() -> None:
    pass


def test_entries_come_out_in_the_order_in_which_they_went_in() -> None:
    inbox: Inbox[int] = Inbox(nothing)
    for number in range(3):
        inbox.put(number)

    assert [inbox.take() for _ in range(4)] == [0, 1, 2, None]


def test_the_other_thread_is_woken_once_however_much_is_put_in() -> None:
    wakes: list[None] = []
    inbox: Inbox[int] = Inbox(lambda: wakes.append(None))

    for number in range(100):
        inbox.put(number)

    assert len(wakes) == 1


def test_after_it_was_emptied_it_wakes_again() -> None:
    wakes: list[None] = []
    inbox: Inbox[int] = Inbox(lambda: wakes.append(None))
    inbox.put(1)
    inbox.take()
    inbox.take()

    inbox.put(2)

    assert len(wakes) == 2


def test_who_comes_late_is_woken_for_what_waits() -> None:
    wakes: list[None] = []
    inbox: Inbox[int] = Inbox(nothing)
    inbox.put(1)

    inbox.wake_by(lambda: wakes.append(None))

    assert len(wakes) == 1


def test_who_comes_late_to_an_empty_one_is_not_woken() -> None:
    wakes: list[None] = []
    inbox: Inbox[int] = Inbox(nothing)

    inbox.wake_by(lambda: wakes.append(None))

    assert not wakes


def test_no_wake_up_is_lost_between_two_threads(
    in_a_thread: Callable[[Callable[[], None]], threading.Thread],
) -> None:
    bell = threading.Semaphore(0)
    inbox: Inbox[int] = Inbox(bell.release)
    in_a_thread(lambda: [inbox.put(number) for number in range(MANY)])

    taken: list[int] = []
    while len(taken) < MANY:
        assert bell.acquire(timeout=PATIENCE_SECONDS), f"not woken after {len(taken)} entries"
        while (entry := inbox.take()) is not None:
            taken.append(entry)

    assert taken == list(range(MANY))


def test_no_wake_up_is_lost_while_the_bell_is_hung_up(
    in_a_thread: Callable[[Callable[[], None]], threading.Thread],
) -> None:
    for _ in range(200):
        bell = threading.Event()
        inbox: Inbox[int] = Inbox(nothing)
        thread = in_a_thread(lambda inbox=inbox: inbox.put(1))

        inbox.wake_by(bell.set)
        thread.join()

        assert bell.wait(PATIENCE_SECONDS)
