"""The viewer's side: open blocks that a worker lent."""

import threading
from collections.abc import Sequence
from pathlib import Path

from hcs_protocol import BlockRef, BlockUnavailableError, SegmentOffer

from ._journal import SlotState
from ._medium import segment_folders
from ._segment import NAME, NEW, Segment, open_segment


class BlockReader:
    """Opens blocks of this user's segments, each mapped once and read-only; any thread may call it.

    Args:
        folders: Where segments may lie; else where pools of this process would put them, in either place.
            No other folder is looked at, whatever a worker offers.
    """

    def __init__(self, folders: Sequence[Path] | None = None) -> None:
        self._folders = segment_folders() if folders is None else list(folders)
        self._mapped: dict[str, Segment] = {}
        self._lock = threading.Lock()

    def read_nonce(self, offer: SegmentOffer) -> str:
        """Return the nonce of an offered segment.

        Raises:
            BlockUnavailableError: There is no such segment here, or it is not this user's.
        """
        with self._lock:
            return self._segment(offer.name).header.nonce

    def open(self, ref: BlockRef) -> memoryview:
        """Return a read-only view of a block; it stays valid when its segment is forgotten or removed.

        Raises:
            BlockUnavailableError: No such segment, out of its bounds, taken back or lent anew since.
        """
        known, offset, nbytes = self._mapped.get(ref.segment), ref.offset, ref.nbytes
        try:
            if known is not None and known.journal.lends(offset, ref.generation, nbytes):
                return known.contents[offset : offset + nbytes]
        except ValueError:  # another thread forgets it just now
            return self._open(ref)
        return self._open(ref)

    def _open(self, ref: BlockRef) -> memoryview:
        """Find the segment if need be, and say what is wrong with the reference."""
        with self._lock:
            segment = self._segment(ref.segment)
            try:
                index = segment.journal.index_of(ref.offset)
            except LookupError as error:
                raise BlockUnavailableError(f"{error} in {ref.segment!r}") from error
            slot = segment.journal.slot(index)
            wanted = (SlotState.LENT, ref.generation, ref.nbytes)
            if slot != wanted or ref.nbytes > segment.header.slot_nbytes:
                raise BlockUnavailableError(f"wanted {ref!r}, there is {slot!r}")
            return segment.view(ref.offset, ref.nbytes)

    def forget(self, segments: Sequence[str]) -> None:
        """Unmap these segments as soon as nobody looks at them; unknown names are harmless."""
        with self._lock:
            for name in segments:
                if (segment := self._mapped.pop(name, None)) is not None:
                    segment.unmap()

    def drop_pages(self) -> None:
        """Let what was read no longer count as memory of this process; views stay valid.

        Pages that are mapped count in a process's RSS, though they are their owner's memory.
        """
        with self._lock:
            for segment in self._mapped.values():
                segment.drop_pages()

    def close(self) -> None:
        """Unmap all segments and open no more; a second time is harmless."""
        self._folders = []
        self.forget(list(self._mapped))

    def _segment(self, name: str) -> Segment:
        if name not in self._mapped:
            self._forget_closed()
            self._mapped[name] = self._find(name)
        segment = self._mapped[name]
        if segment.journal.closed:
            raise BlockUnavailableError(f"its owner has closed the segment {name!r}")
        return segment

    def _find(self, name: str) -> Segment:
        if NAME.fullmatch(name) is None or name.endswith(NEW):
            raise BlockUnavailableError(f"no name of a segment: {name!r}")
        refused = []
        for folder in self._folders:
            try:
                return open_segment(folder / name)
            except FileNotFoundError:
                refused.append(f"not in {folder}")
            except (OSError, ValueError) as error:
                refused.append(f"{error} ({folder})")
        raise BlockUnavailableError(f"no segment {name!r}: {'; '.join(refused) or 'the reader is closed'}")

    def _forget_closed(self) -> None:
        """Let go of segments that their owner removed: until then their memory is not free."""
        for name in [name for name, segment in self._mapped.items() if segment.journal.closed]:
            self._mapped.pop(name).unmap()
