"""The thread that compresses what waits to go as a frame: neither callers nor beats wait for it."""

import logging
import threading

from hcs_protocol import PLAIN, HcsError, ImageReady, Item

from ._background import give_way
from ._compression import can_compress, compress
from ._held import Held
from ._holdings import Holdings
from ._shared_link import SharedLink

logger = logging.getLogger(__name__)


class Compressor(threading.Thread):
    """Compresses the images of one shared link, in order, until that is closing."""

    def __init__(self, shared: SharedLink, holdings: Holdings) -> None:
        super().__init__(name=f"hcs-compressor-{shared.link.label}", daemon=True)
        self._shared = shared
        self._holdings = holdings

    def start(self) -> None:
        """Start; from now on images wait for it. The caller has the lock.

        Raises:
            RuntimeError: The process ends, and starts no threads any more.
        """
        link = self._shared.link
        link.frames.are_compressed = True
        link.frames.note(link.delivery.queued)
        try:
            super().start()
        except RuntimeError:
            link.frames.are_compressed = False
            raise

    def stop(self) -> None:
        """Return when it touches no pixels any more; the link is closing."""
        self._shared.uncompressed.set()
        self.join()

    def run(self) -> None:
        """Compress, until the link is closing; if it cannot, images go as they are."""
        give_way()
        shared = self._shared
        try:
            while True:
                shared.uncompressed.clear()  # before it looks: what comes then is not missed
                if shared.closing.is_set():
                    return
                if not self._compress_next():
                    shared.uncompressed.wait()
        except Exception:  # the outermost loop of this thread
            logger.exception("compressor failed viewer=%s", shared.link.label)
        finally:
            shared.link.frames.are_compressed = False

    def _compress_next(self) -> bool:
        """Compress what goes out next, without the lock, and send what may go; says whether there was any."""
        shared = self._shared
        with shared.lock:
            found = shared.link.next_uncompressed()
            if found is None:
                return False
            owed, codec = found
            held = owed.held
        frame = self._compressed(owed.item, held, codec) if held and can_compress() else None
        with shared.lock, shared as link:
            if owed.held is held:  # else it was dropped meanwhile, or moved, and this may be another's pixels
                owed.frame, owed.codec = frame, PLAIN if frame is None else codec
            link.send_allowed()
        return True

    def _compressed(self, item: Item, held: Held, codec: str) -> bytes | None:
        if not isinstance(item, ImageReady):
            return None
        try:
            return compress(self._holdings.pixels(held), item.spec, codec)
        except (HcsError, MemoryError) as error:
            logger.debug("not compressed viewer=%s error=%s", self._shared.link.label, error)
            return None
