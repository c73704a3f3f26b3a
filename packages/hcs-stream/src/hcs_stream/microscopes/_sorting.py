"""The natural order of images."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hcs_protocol import natural_key


class Order(NamedTuple):
    """Rows in order."""

    places: list[int]
    has_equals: bool
    """Whether rows are equal in all columns."""


def natural_order(columns: Iterable[Sequence[object]], ties: Callable[[], Sequence[str]]) -> Order:
    """Return the places of rows in order: by the first column, then by the second and so on.

    Values are ranked once each: a plate has many images, but few wells and channels.

    Args:
        columns: One value a row in each.
        ties: Makes the last column, which is compared as text, for rows that are equal in all others.
    """
    ranks = [_ranks(column) for column in columns]
    order = np.lexsort(ranks[::-1])
    has_equals = _has_equals(ranks, order)
    if has_equals:
        texts = ties()
        by_text = np.argsort(sorted(range(len(texts)), key=texts.__getitem__))
        order = np.lexsort([by_text, *ranks[::-1]])
    return Order(order.tolist(), has_equals)


def _ranks(values: Sequence[object]) -> npt.NDArray[np.intp]:
    in_order = sorted(set(values), key=lambda value: (natural_key(value), str(value)))  # "A1" is not "A01"
    ranks = {value: rank for rank, value in enumerate(in_order)}
    return np.fromiter(map(ranks.__getitem__, values), np.intp, len(values))


def _has_equals(columns: Iterable[npt.NDArray[np.intp]], order: npt.NDArray[np.intp]) -> bool:
    same = np.ones(max(len(order) - 1, 0), bool)
    for column in columns:
        same &= np.diff(column[order]) == 0
    return bool(same.any())
