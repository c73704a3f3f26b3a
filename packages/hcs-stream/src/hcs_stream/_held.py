"""The pixels of one image, and who still needs them where they are."""

import weakref
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import numpy.typing as npt

from hcs_protocol import BlockJournal, BlockRef, Destination

ARRAY = "array"
"""The holder that is no viewer: the array that was lent."""
PUBLISHING = "publishing"
"""The holder until all viewers of an image are holders."""
DOUBTED = "doubted"
"""The holder that is a viewer which is owed nothing here any more, and may still read it when it wakes."""


class Held:
    """The pixels of one image until they are adopted; on disk, they have no `pixels` here."""

    __slots__ = ("destinations", "era", "holders", "journal", "nbytes", "pixels", "ref")

    def __init__(
        self,
        nbytes: int,
        pixels: memoryview | None,
        ref: BlockRef | None = None,
        journal: BlockJournal | None = None,
        era: object = None,
    ) -> None:
        self.nbytes = nbytes
        self.pixels = pixels
        self.ref = ref
        """The block's reference, None for ordinary memory."""
        self.journal = journal
        """Whose block it is."""
        self.era = era
        """Which pools it belongs to: a process may close them and make others."""
        self.holders: set[Hashable] = set()
        """The places of destinations that did not release it yet, `ARRAY` and `PUBLISHING`."""
        self.destinations: list[Destination] = []
        """To whom it was published, as it stands in the journal."""

    @property
    def on_disk(self) -> bool:
        """Whether the pixels were spilled."""
        return self.pixels is None


class LentArrays:
    """Arrays that pipelines compute into; each holds its block for as long as it, or a view of it, lives."""

    def __init__(self, gone: Callable[[Held], None]) -> None:
        """Remember whom to tell that an array is gone."""
        self._gone = gone
        self._held: dict[int, Held] = {}

    def lend(self, held: Held, shape: Sequence[int], dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
        """Return an array that looks at this room, which has pixels."""
        flat = np.frombuffer(held.pixels or b"", dtype)
        seen = flat.base  # the memoryview that every view of the array keeps alive
        array = flat.reshape(shape)
        address = _address(array)
        held.holders.add(ARRAY)
        self._held[address] = held
        weakref.finalize(seen, self._forget, address, held).atexit = False
        return array

    def claim(self, array: object) -> Held | None:
        """Return the room that this array was lent, if it is all of it; nobody else gets it from now on."""
        if not self._held or not isinstance(array, np.ndarray) or not array.flags.c_contiguous:
            return None
        held = self._held.get(address := _address(array))
        if held is None or held.nbytes != array.nbytes:
            return None
        return self._held.pop(address, None)  # None if another thread was faster

    def _forget(self, address: int, held: Held) -> None:
        if self._held.get(address) is held:
            del self._held[address]
        self._gone(held)


def _address(array: npt.NDArray[np.generic]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
