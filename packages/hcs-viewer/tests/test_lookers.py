import gc

from hcs_viewer._lookers import Lookers


class Looker:
    """Somebody who looks."""


def test_what_somebody_looks_at_is_there_until_it_looks_at_something_else() -> None:
    lookers, looker = Lookers(), Looker()

    lookers.note(looker, [1, 2])
    assert [number for number in (1, 2, 3) if number in lookers] == [1, 2]

    lookers.note(looker, [2, 3])
    assert [number for number in (1, 2, 3) if number in lookers] == [2, 3]


def test_two_may_look_at_the_same_image() -> None:
    lookers, one, other = Lookers(), Looker(), Looker()
    lookers.note(one, [1])
    lookers.note(other, [1])

    lookers.note(one, [2])

    assert sorted(lookers) == [1, 2]


def test_who_is_gone_looks_at_nothing() -> None:
    lookers, looker = Lookers(), Looker()
    lookers.note(looker, [1], waits=[1], copied_nbytes=5, is_refused=True)

    del looker
    gc.collect()

    assert lookers.next_awaited() is None
    assert list(lookers) == []
    assert (lookers.copied_nbytes(None), lookers.is_any_refused) == (0, False)


def test_who_looked_last_is_served_first() -> None:
    lookers, one, other = Lookers(), Looker(), Looker()
    lookers.note(one, [1, 2], waits=[1, 2])
    lookers.note(other, [3], waits=[3])
    order = []

    while (number := lookers.next_awaited()) is not None:
        order.append(number)
        lookers.came(number)

    assert order == [3, 1, 2]


def test_who_waits_for_several_hears_of_the_last_one() -> None:
    lookers, one, other = Lookers(), Looker(), Looker()
    lookers.note(one, [1, 2], waits=[1, 2])
    lookers.note(other, [2], waits=[2])

    heard = [lookers.came(number) for number in (2, 1, 1)]

    assert heard == [[other], [one], []]


def test_copies_of_others_add_up() -> None:
    lookers, one, other = Lookers(), Looker(), Looker()
    lookers.note(one, copied_nbytes=3)
    lookers.note(other, copied_nbytes=5)

    assert (lookers.copied_nbytes(one), lookers.copied_nbytes(None)) == (5, 8)
