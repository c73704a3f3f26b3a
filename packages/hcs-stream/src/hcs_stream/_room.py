"""A place for an image's pixels; when there is none, the stream's policy says what gives way."""

import contextlib
import sys
import time
from collections.abc import Sequence

import numpy as np

from hcs_protocol import PixelWriter, PoolFullError

from ._held import Held
from ._holdings import Holdings
from ._overflow import OverflowSetting
from ._publisher import Publisher

SOON_SECONDS, LOOK_SECONDS = 0.02, 0.05
"""How long to wait for a viewer before others, and arrays that were collected, are looked for."""


class Room:
    """Puts the images of one stream where its viewers find them; any thread may call it."""

    def __init__(
        self,
        holdings: Holdings,
        publishers: Sequence[Publisher],
        writer: PixelWriter,
        setting: OverflowSetting,
    ) -> None:
        self._holdings = holdings
        self._publishers = publishers
        self._places = tuple(range(len(publishers)))
        self._writer = writer
        self._setting = setting

    def find(self, array: object, nbytes: int, *, wait: bool = True) -> Held:
        """Return where the array's pixels are to lie, or lie already, because it was lent or is on disk now.

        Raises:
            ViewerStalledError: There is no room, nothing may give way, and none came within the timeout.
            PoolFullError: There is no room now, and nothing is to give way or to be waited for.
        """
        held = self._holdings.arrays.claim(array)
        if held is None or held.ref is None:  # or it is no block, and goes the way of other arrays
            held = self._hold(nbytes, array, wait=wait)
        for place in self._places:  # now: a lent array may be gone before it is published
            held.holders.add(place)
        return held

    def fill(self, held: Held, array: object) -> None:
        """Copy the array's pixels to the place that was found, or begin to; on disk they are already."""
        if held.pixels is None:
            return
        begun = time.monotonic()
        held.copy = self._writer.start(array, held.pixels)
        if held.copy is None:
            self._holdings.copied_for.add(time.monotonic() - begun)

    def end_copies(self) -> None:
        """Wait until no device writes any more, or it would write into a block that is lent anew."""
        self._writer.finish()

    def leave(self, held: Held) -> None:
        """Give up a place whose image is not published after all."""
        self.end_copies()
        for place in self._places:
            self._holdings.release(held, place)

    def lend(self, nbytes: int) -> Held:
        """Return room to compute into.

        Raises:
            ViewerStalledError: As `find`.
        """
        return self._hold(nbytes, None, wait=True)

    def _hold(self, nbytes: int, array: object, *, wait: bool) -> Held:
        self._begin()
        if not self._holdings.has_blocks and array is not None:
            with contextlib.suppress(PoolFullError):  # without shared memory, disk outlives this process
                return self._spill(array, nbytes)
        begun, last = 0.0, -1
        while True:
            if (returned := self._holdings.returned) != last:
                begun, last = time.monotonic(), returned
            try:
                return self._holdings.hold(nbytes)
            except PoolFullError as error:
                full = error.with_traceback(None)  # or the frames keep the callers' lent arrays alive
            if self._collect(returned):
                continue
            if not wait:
                raise full
            if (held := self._give_way(array, full)) is not None:
                return held
            self._wait(returned, begun, full)

    def _begin(self) -> None:
        if not self._holdings.is_joined:  # in a forked child nothing has begun yet
            for publisher in self._publishers:
                publisher.start()

    def _collect(self, returned: int) -> bool:
        """Take what the viewers released; say whether room came back since then."""
        for publisher in self._publishers:
            publisher.collect()
        return self._holdings.returned != returned

    def _give_way(self, array: object, full: PoolFullError) -> Held | None:
        """Find other room, or let the policy make some."""
        overflow = self._setting.overflow
        hopeless = self._holdings.is_hopeless(full)
        if overflow.policy == "spill" or hopeless:
            with contextlib.suppress(PoolFullError):
                lends = array is None
                return self._holdings.hold_beside(full.wanted) if lends else self._spill(array, full.wanted)
        if hopeless:
            with contextlib.suppress(PoolFullError):
                return self._holdings.hold_memory(full.wanted)
        if overflow.drops:
            self._drop(overflow.policy)
        return None

    def _drop(self, policy: str) -> None:
        """Give images up until a block comes back, which other viewers may need for longer."""
        returned = self._holdings.returned
        while sum(publisher.drop(policy) for publisher in self._publishers):
            if self._holdings.returned != returned:
                return

    def _spill(self, array: object, nbytes: int) -> Held:
        pixels = _plain_bytes(array)
        if pixels is None:
            pixels = memoryview(np.empty(nbytes, np.uint8))
            self._writer.write(array, pixels)
        return self._holdings.spill(pixels)

    def _wait(self, returned: int, begun: float, full: PoolFullError) -> None:
        waited, timeout = time.monotonic() - begun, self._setting.overflow.timeout
        slowest = max(self._publishers, key=lambda publisher: publisher.owed)
        if self._holdings.returned != returned:
            return
        if waited >= timeout:
            raise slowest.stalled(timeout) from full
        slowest.await_news(min(timeout - waited, SOON_SECONDS if waited < LOOK_SECONDS else LOOK_SECONDS))


def _plain_bytes(array: object) -> memoryview | None:
    """Return an array's own bytes, if they are what a block would hold: C order, little-endian."""
    if not (type(array) is np.ndarray or type(array) is np.memmap) or array.dtype.hasobject:
        return None
    big = array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and sys.byteorder == "big")
    if big or not array.flags.c_contiguous:
        return None
    return memoryview(array.view(np.ndarray)).cast("B")
