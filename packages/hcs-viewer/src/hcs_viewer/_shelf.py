"""The books of the store: which images are in memory and which are away, and who looks at them.

Each call is one step under a lock that is never held while pixels are copied, read or written.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from itertools import count
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from hcs_protocol import ImageSpec

from ._lookers import Lookers
from ._slabs import SMALL_NBYTES, Slab, Slabs

Pixels = npt.NDArray[np.generic]

FULL = 0.95
"""At which part of the budget nothing more is taken: to write an image needs memory, too."""
ONE_VOLUME, ALL_VOLUMES = 1 / 4, 1 / 2
"""So much of the memory may be looked at in volumes, which are copied to be drawn."""


class PixelsFile(Protocol):
    """A file that has the pixels of one image."""

    def is_good(self) -> bool:
        """Say whether they can be expected to be there still."""

    def read(self, memory: Slab) -> None:
        """Read their bytes, or raise `OSError`."""

    def remove(self) -> None:
        """Remove the file, if it is ours."""


class KeptImage(msgspec.Struct, frozen=True, eq=False):
    """One image in the store."""

    pixels: Pixels
    """Of the spec's shape, read-only."""
    spec: ImageSpec


class Place(msgspec.Struct, eq=False):
    """Where an image is: in memory, in a file, or both."""

    spec: ImageSpec
    nbytes: int
    kept: KeptImage | None
    """None while it is away; of an image that cannot come back, a blank one."""
    file: PixelsFile | None = None
    is_loose: bool = False
    """Whether its memory is no slab."""
    is_lost: bool = False


class Shelf:
    """Where each image is; any thread may call it."""

    def __init__(self, slabs: Slabs, budget: int | None) -> None:
        self.budget = budget
        self.reserved = 0
        """Bytes that others take of the budget."""
        self.unforeseen = 0
        """Bytes of the process that are neither counted here nor left out of the budget."""
        self.nbytes = 0
        """Bytes of the images in memory."""
        self.away_nbytes = 0
        self.away_images = 0
        self._slabs = slabs
        self._loose_nbytes = 0
        self._places: dict[int, Place] = {}
        self._present: OrderedDict[int, None] = OrderedDict()
        """The images in memory; the one that was looked at longest ago comes first."""
        self._lookers = Lookers()
        self._numbers = count(1)
        self._lock = threading.Lock()

    @property
    def counted(self) -> int:
        """Bytes of images, of memory that is free for the next ones, and of others."""
        return self._slabs.nbytes + self._loose_nbytes + self.reserved

    @property
    def used(self) -> int:
        """Bytes of the budget that are used."""
        return self.counted + self.unforeseen

    @property
    def is_full(self) -> bool:
        """Whether the budget is as good as used up, and something could leave."""
        if not self.exceeds(FULL):
            return False
        with self._lock:
            return any(number not in self._lookers for number in self._present)

    def exceeds(self, part: float) -> bool:
        """Say whether more than this part of the budget is used."""
        return self.budget is not None and self.used > part * self.budget

    def add(self, kept: KeptImage, file: PixelsFile | None = None, *, is_loose: bool = True) -> int:
        """Take an image and return its number."""
        place = Place(kept.spec, kept.pixels.nbytes, kept, file, is_loose)
        with self._lock:
            number = next(self._numbers)
            self._places[number] = place
            self._come(number, place)
        return number

    def find(self, number: int) -> Place:
        """Return where an image is, which counts as a look.

        Raises:
            KeyError: It was forgotten.
        """
        with self._lock:
            place = self._places[number]
            if number in self._present:
                self._present.move_to_end(number)
        return place

    def look(
        self, looker: object, numbers: Iterable[int], copied_nbytes: int = 0
    ) -> dict[int, KeptImage] | None:
        """Return images if all of them are in memory; else None, and they are awaited.

        Raises:
            KeyError: One was forgotten.
        """
        with self._lock:
            places = {number: self._places[number] for number in numbers}
            if copied_nbytes and self._is_too_much(looker, places.values(), copied_nbytes):
                self._lookers.note(looker, is_refused=True)
                return None
            images = {number: place.kept for number, place in places.items() if place.kept is not None}
            waits = [number for number in places if number not in images]
            self._touch(images)
            stay = places if waits or not copied_nbytes else ()
            self._lookers.note(looker, stay, waits=waits, copied_nbytes=copied_nbytes)
        return None if waits else images

    def forget(self, number: int) -> Place | None:
        """Forget an image, and return what is left of it; None the second time."""
        with self._lock:
            place = self._places.pop(number, None)
            if place is None:
                return None
            if place.kept is None:
                self._count_away(place, -1)
            else:
                self._leave(number, place)
        return place

    def next_to_leave(self, *, without_writing: bool = False) -> tuple[int, Place] | None:
        """Return the image that was looked at longest ago, and that nobody looks at now.

        Args:
            without_writing: Whether only one that lies in a file already will do.
        """
        with self._lock:
            self._touch([number for number in self._lookers if number in self._present])
            for number in self._present:
                place = self._places[number]
                if number in self._lookers:
                    return None  # and so do all others after it
                if not without_writing or place.file is not None:
                    return number, place
        return None

    def let_go(self, number: int, place: Place, file: PixelsFile) -> bool:
        """Let an image leave to a file, unless somebody looks at it now; False if it was forgotten."""
        kept = place.kept  # goes when the lock is free again: it takes a while
        with self._lock:
            if self._places.get(number) is not place:
                return False
            place.file = file
            if number in self._lookers or place.kept is None:
                return True
            self._leave(number, place)
            place.kept = None
            self._count_away(place, 1)
        del kept
        return True

    def next_to_come(self) -> tuple[int, Place | None] | None:
        """Return an image that somebody waits for; without a place if it was forgotten."""
        with self._lock:
            number = self._lookers.next_awaited()
            return None if number is None else (number, self._places.get(number))

    def bring_back(self, number: int, kept: KeptImage | None) -> list[object]:
        """Put an image back, None if it was forgotten; return the lookers that have all they want now."""
        with self._lock:
            place = self._places.get(number)
            if place is not None and place.kept is None and kept is not None:
                self._count_away(place, -1)
                place.kept, place.is_loose = kept, place.nbytes < SMALL_NBYTES
                self._come(number, place)
            return self._lookers.came(number)

    def lose(self, number: int) -> list[object]:
        """Note that an image cannot come back; return the lookers that have all they can get now."""
        with self._lock:
            place = self._places.get(number)
            if place is not None and place.kept is None:
                self._count_away(place, -1)
                place.kept, place.is_lost = blank_image(place.spec), True
            return self._lookers.came(number)

    @property
    def refuses(self) -> bool:
        """Whether somebody would look at more than there may be in memory."""
        with self._lock:
            return self._lookers.is_any_refused

    def __len__(self) -> int:
        return len(self._places)

    def _is_too_much(self, looker: object, places: Iterable[Place], copied_nbytes: int) -> bool:
        if self.budget is None:
            return False
        nbytes = max(copied_nbytes, sum(place.nbytes for place in places))
        others = self._lookers.copied_nbytes(looker)
        return nbytes > ONE_VOLUME * self.budget or others + nbytes > ALL_VOLUMES * self.budget

    def _touch(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if number in self._present:
                self._present.move_to_end(number)

    def _come(self, number: int, place: Place) -> None:
        self._present[number] = None
        self.nbytes += place.nbytes
        self._loose_nbytes += place.nbytes if place.is_loose else 0

    def _leave(self, number: int, place: Place) -> None:
        if place.is_lost:
            return
        del self._present[number]
        self.nbytes -= place.nbytes
        self._loose_nbytes -= place.nbytes if place.is_loose else 0

    def _count_away(self, place: Place, by: int) -> None:
        self.away_images += by
        self.away_nbytes += by * place.nbytes


def blank_image(spec: ImageSpec) -> KeptImage:
    """Return what is shown of an image that cannot come back; it takes no memory."""
    return KeptImage(np.broadcast_to(np.zeros((), spec.dtype), spec.shape), spec)
