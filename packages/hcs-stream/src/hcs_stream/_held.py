"""The pixels of one image, and who still needs them where they are."""

import sys
import weakref
from collections.abc import Callable, Hashable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from hcs_protocol import BlockJournal, BlockRef, Destination, PixelCopy

ARRAY = "array"
"""The holder that is no viewer: the array that was lent."""
DOUBTED = "doubted"
"""The holder that is a viewer which is owed nothing here any more, and may still read it when it wakes."""

Array = npt.NDArray[np.generic]

_IN_ORDER = {"|", "<", "=" if sys.byteorder == "little" else "<"}
"""What NumPy calls the byte orders of blocks."""
_UNKNOWN: tuple[Callable[[], Array | None], int] = (lambda: None), 0


class Held(msgspec.Struct, eq=False):
    """The pixels of one image until they are adopted; on disk, they have no `pixels` here."""

    nbytes: int
    pixels: memoryview | None
    ref: BlockRef | None = None
    """The block's reference, None for ordinary memory."""
    journal: BlockJournal | None = None
    """Whose block it is."""
    era: object = None
    """Which pools it belongs to: a process may close them and make others."""
    holders: set[Hashable] = msgspec.field(default_factory=set)
    """The places of destinations that did not release it yet, and `ARRAY`."""
    destinations: list[Destination] = []
    """To whom it was published, as it stands in the journal."""
    copy: PixelCopy | None = None
    """What a device still does to fill it."""

    @property
    def on_disk(self) -> bool:
        """Whether the pixels were spilled."""
        return self.pixels is None


class _Watch(weakref.ref[object]):
    """Sees memory go; what `weakref.finalize` keeps beside that costs as much again."""

    __slots__ = ("address", "held", "identity")

    identity: int
    address: int
    held: Held


class LentArrays:
    """Arrays that pipelines compute into; each holds its block for as long as it, or a view of it, lives."""

    def __init__(self, gone: Callable[[Held], None]) -> None:
        """Remember whom to tell that an array is gone."""
        self._gone = gone
        self._held: dict[int, Held] = {}
        """By address."""
        self._addresses: dict[int, tuple[Callable[[], Array | None], int]] = {}
        """By identity: to ask an array for its address takes ten times as long as to find it here."""
        self._lent: dict[int, weakref.ref[Array]] = {}
        """The arrays that were lent, by address: what is sent may be a view of one."""
        self._watches: dict[int, _Watch] = {}
        """By identity: a reference that is gone itself tells nothing."""

    def lend(self, held: Held, shape: Sequence[int], dtype: np.dtype[np.generic]) -> Array:
        """Return an array that looks at this room, which has pixels."""
        flat = np.frombuffer(held.pixels or b"", dtype)
        seen = flat.base  # the memoryview that every view of the array keeps alive
        array = flat.reshape(shape)
        address, identity = _address(array), id(array)
        held.holders.add(ARRAY)
        self._held[address] = held
        lent = self._lent[address] = weakref.ref(array)
        self._addresses[identity] = lent, address
        watch = _Watch(seen, self._forget)
        watch.identity, watch.address, watch.held = identity, address, held
        self._watches[id(watch)] = watch
        return array

    def claim(self, array: object) -> Held | None:
        """Return the room that this array was lent, if it is all of it; nobody else gets it from now on."""
        if not self._held or not isinstance(array, np.ndarray) or not array.flags.c_contiguous:
            return None
        known, address = self._addresses.get(id(array), _UNKNOWN)
        is_view = known() is not array
        if is_view:
            if array.dtype.byteorder not in _IN_ORDER or array.dtype.kind == "V":
                return None  # its bytes are not those of an image
            address = _address(array)
        held = self._held.get(address)
        if held is None or held.nbytes != array.nbytes:
            return None
        claimed = self._held.pop(address, None)  # None if another thread was faster
        if is_view and claimed is not None and (lent := self._lent.get(address)):
            _close_to_writers(lent())
        return claimed

    def _forget(self, watch: "weakref.ref[object]") -> None:
        known = self._watches.pop(id(watch))
        identity, address, held = known.identity, known.address, known.held
        if self._held.get(address) is held:
            del self._held[address]
        if self._addresses.get(identity, _UNKNOWN)[1] == address:
            del self._addresses[identity]
            self._lent.pop(address, None)
        self._gone(held)


def _close_to_writers(lent: Array | None) -> None:
    """Have nobody write any more into an array of which a view was sent, as into what is sent itself."""
    if lent is not None:
        lent.flags.writeable = False


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
