"""Which arrays are known as lent, and when their room may go."""

import gc

import numpy as np
import numpy.typing as npt
import pytest

from hcs_stream._held import ARRAY, Held, LentArrays


class Lent:
    """One array of ``0…19`` that was lent, and what was said to be gone."""

    def __init__(self) -> None:
        self.gone: list[Held] = []
        self.arrays = LentArrays(self.gone.append)
        self.held = Held(20, memoryview(bytearray(range(20))))
        self.array: npt.NDArray[np.generic] | None = self.arrays.lend(self.held, (4, 5), np.dtype("u1"))

    def claim(self, array: object) -> Held | None:
        return self.arrays.claim(array)


@pytest.fixture
def lent() -> Lent:
    return Lent()


def test_a_lent_array_looks_at_its_room_and_holds_it(lent: Lent) -> None:
    assert lent.array is not None
    lent.array[1, 0] = 99

    assert lent.held.pixels is not None
    assert lent.held.pixels[5] == 99
    assert lent.held.holders == {ARRAY}


def test_a_lent_array_is_claimed_once(lent: Lent) -> None:
    assert lent.claim(lent.array) is lent.held
    assert lent.claim(lent.array) is None


@pytest.mark.parametrize(
    "look",
    [
        lambda array: array,
        lambda array: array[:],
        lambda array: array.reshape(2, 10),
        lambda array: array.view("i1"),
    ],
)
def test_who_looks_at_all_of_it_may_claim_it(lent: Lent, look: object) -> None:
    assert callable(look)
    assert lent.claim(look(lent.array)) is lent.held


@pytest.mark.parametrize(
    "look",
    [
        lambda array: array[1:],
        lambda array: array[:2],
        lambda array: array.T,
        lambda array: array[::-1],
        lambda array: array.copy(),
        lambda array: array.tolist(),
    ],
)
def test_what_is_not_all_of_it_in_its_order_is_not_claimed(lent: Lent, look: object) -> None:
    assert callable(look)
    assert lent.claim(look(lent.array)) is None
    assert lent.claim(lent.array) is lent.held


def test_room_may_go_when_nobody_looks_at_it_any_more(lent: Lent) -> None:
    assert lent.array is not None
    part = lent.array[1:]
    lent.array = None
    gc.collect()
    assert not lent.gone

    del part
    gc.collect()
    assert lent.gone == [lent.held]


def test_that_a_claimed_array_is_gone_is_told_too(lent: Lent) -> None:
    lent.claim(lent.array)

    lent.array = None
    gc.collect()

    assert lent.gone == [lent.held]


def test_an_older_array_that_goes_does_not_make_a_newer_one_of_the_same_room_unknown(lent: Lent) -> None:
    newer = Held(20, lent.held.pixels)
    array = lent.arrays.lend(newer, (4, 5), np.dtype("u1"))

    lent.array = None
    gc.collect()

    assert lent.gone == [lent.held]
    assert lent.claim(array) is newer


def test_who_sends_a_view_of_a_lent_array_cannot_write_into_it_any_more() -> None:
    held = Held(20, memoryview(bytearray(20)))
    arrays = LentArrays(lambda held: None)
    lent = arrays.lend(held, (1, 4, 5), np.dtype(np.uint8))

    assert arrays.claim(lent[0]) is held

    with pytest.raises(ValueError, match="read-only"):
        lent[:] = 2


@pytest.mark.parametrize("dtype", [">u2", "V2"])
def test_a_view_whose_bytes_are_not_those_of_an_image_is_copied_like_any_array(dtype: str) -> None:
    held = Held(40, memoryview(bytearray(40)))
    arrays = LentArrays(lambda held: None)
    lent = arrays.lend(held, (4, 5), np.dtype(np.uint16))

    assert arrays.claim(lent.view(dtype)) is None
    assert arrays.claim(lent) is held
    assert lent.flags.writeable
