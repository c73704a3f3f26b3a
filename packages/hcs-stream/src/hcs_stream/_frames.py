"""How the frames of one link go out: as they are, or compressed, and what waits for that.

The link's lock is held around every call.
"""

import logging
from collections.abc import Iterable
from itertools import islice

from hcs_protocol import MAX_FRAME_NBYTES, PLAIN, UnsupportedArrayError

from ._compression import LEAST_NBYTES, Compression, choose_codec
from ._owed import Owed
from ._session import Session

logger = logging.getLogger(__name__)

AHEAD_IMAGES, AHEAD_NBYTES = 64, 1 << 26
"""So many images, and pixels, are compressed at most while what went before them is under way."""


class Frames:
    """Knows by which codec each image goes to this viewer."""

    def __init__(self) -> None:
        self.are_compressed = False
        """Whether there is a thread for which images wait that are to be compressed."""
        self.is_here = True
        """Whether the viewer is on this machine."""
        self._wanted: set[Compression] = set()
        self._warned = False

    def note(self, owed: Iterable[Owed]) -> None:
        """Know how these are to be compressed, now that somebody can."""
        self._wanted.update([image.compression for image in owed])

    def may_compress(self, session: Session) -> bool:
        """Say whether there may be images that are to be compressed."""
        chosen = (choose_codec(said, session.codecs, is_here=self.is_here) for said in self._wanted)
        return any(codec != PLAIN for codec in chosen)

    def codec(self, owed: Owed, session: Session) -> str:
        """Return the codec that an image's frame is to have."""
        if not self.are_compressed or owed.codec == PLAIN:
            return PLAIN
        if not LEAST_NBYTES <= owed.nbytes <= MAX_FRAME_NBYTES:
            return PLAIN
        if not owed.needs_frame(by_block=session.by_block):
            return PLAIN
        codec = choose_codec(owed.compression, session.codecs, is_here=self.is_here)
        if codec == PLAIN and owed.compression in {"zstd", "lz4"} and not self._warned:
            self._warned = True
            title, compression = session.connection.title, owed.compression
            logger.warning("images go uncompressed, viewer %r cannot take %s: update it", title, compression)
        return codec

    def is_ready(self, owed: Owed, session: Session) -> bool:
        """Say whether an image can go out as it is now."""
        codec = self.codec(owed, session)
        return codec == PLAIN or (owed.frame is not None and owed.codec == codec)

    def next_uncompressed(self, queued: Iterable[Owed], session: Session) -> Owed | None:
        """Return the next image to compress; None if enough is compressed that cannot go out yet."""
        ahead = 0
        for owed in islice(queued, AHEAD_IMAGES):
            if not self.is_ready(owed, session):
                return owed
            ahead += owed.nbytes
            if ahead > AHEAD_NBYTES:
                break
        return None

    def take(self, owed: Owed, session: Session) -> tuple[bytes | None, str]:
        """Return an image's compressed frame, None if it goes as it is, and the codec.

        It is not kept: ZeroMQ has it until it is sent, and what has to be sent again is compressed again.
        """
        frame, owed.frame = owed.frame, None
        if frame is not None and owed.codec == self.codec(owed, session):
            return frame, owed.codec
        return None, PLAIN


def check_frame(nbytes: int) -> None:
    """Refuse what a viewer would hang up on, again and again.

    Raises:
        UnsupportedArrayError: The image is too large for a viewer that does not read this machine's memory.
    """
    if nbytes > MAX_FRAME_NBYTES:
        raise UnsupportedArrayError(
            f"wanted at most {MAX_FRAME_NBYTES} bytes of an image for a viewer that does not read this "
            f"process's memory, found {nbytes}: send its planes one by one"
        )
