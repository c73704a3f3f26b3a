"""Reading ahead keeps the order, a bound, and stops when nobody wants more."""

import subprocess
import sys
import threading
from contextlib import closing

import pytest

from hcs_stream.sending import read_ahead

LONG = 60.0
HANGING = """
import threading
from contextlib import closing
from hcs_stream.sending import read_ahead

begun = threading.Event()

def read(number):
    if number:
        begun.set()
        threading.Event().wait()

with closing(read_ahead([0, 1], read, threads=1)) as ahead:
    next(ahead)
    begun.wait()
"""


def test_what_was_read_comes_in_order() -> None:
    assert [(given, read.result()) for given, read in read_ahead(range(20), str)] == [
        (number, str(number)) for number in range(20)
    ]


def test_an_error_stays_with_what_it_is_about() -> None:
    _, (_, failed), _ = read_ahead([1, 0, 2], lambda number: 1 / number)

    with pytest.raises(ZeroDivisionError):
        failed.result()


def test_no_more_is_read_than_may_wait() -> None:
    begun: list[int] = []
    with closing(read_ahead(range(100), begun.append, threads=2, ahead=5)) as ahead:
        next(ahead)

        assert len(begun) <= 5


def test_who_waits_for_a_disk_that_hangs_can_give_up() -> None:
    disk = threading.Event()

    def give_up() -> None:
        disk.set()
        raise InterruptedError

    hanging = read_ahead([0], lambda _: disk.wait(LONG), waits=give_up)

    with closing(hanging), pytest.raises(InterruptedError):
        next(hanging)


def test_a_disk_that_hangs_keeps_no_process_from_ending() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGING], timeout=LONG, check=False)

    assert ended.returncode == 0
