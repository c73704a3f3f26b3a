"""Images in their natural order."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from hcs_protocol import natural_key

from ._image_file import ImageFile

IN_ORDER = ("plate", "well", "site", "channel", "z_index", "timepoint")


def in_natural_order(images: Sequence[ImageFile]) -> tuple[ImageFile, ...]:
    """Return images by plate, well, site, channel, z_index, timepoint; equal ones by path.

    Values are ranked once each: a plate has many images, but few wells and channels.
    """
    columns = [_ranks([getattr(image, part) for image in images]) for part in IN_ORDER]
    order = np.lexsort(columns[::-1])
    if _has_equals(columns, order):
        columns.append(_ranks([str(image.path) for image in images]))
        order = np.lexsort(columns[::-1])
    return tuple(images[place] for place in order.tolist())


def _ranks(values: Sequence[object]) -> npt.NDArray[np.intp]:
    ranks = {value: rank for rank, value in enumerate(sorted(set(values), key=natural_key))}
    return np.fromiter(map(ranks.__getitem__, values), np.intp, len(values))


def _has_equals(columns: Iterable[npt.NDArray[np.intp]], order: npt.NDArray[np.intp]) -> bool:
    same = np.ones(max(len(order) - 1, 0), bool)
    for column in columns:
        same &= np.diff(column[order]) == 0
    return bool(same.any())
