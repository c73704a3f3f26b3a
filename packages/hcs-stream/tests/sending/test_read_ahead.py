"""Reading ahead keeps the order, a bound, and stops when nobody wants more."""

from contextlib import closing

import pytest

from hcs_stream.sending import read_ahead


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
