"""The moment in which an image becomes the viewer's own, whether a worker sent it or left it behind."""

from collections.abc import Callable

from hcs_protocol import ImageReady

from ._files import WorkersFile
from ._inbox import ArrivedImage, Inbox, ToWindow
from ._path_map import PathMap
from ._store import PixelSource, Store
from ._tally import Tally

NOWHERE = PathMap()


class Adoption:
    """Keeps images, counts them and tells the window."""

    def __init__(
        self,
        store: Store,
        to_window: Inbox[ToWindow],
        tally: Tally,
        clock: Callable[[], float],
        path_map: PathMap = NOWHERE,
    ) -> None:
        self._store = store
        self._to_window = to_window
        self._tally = tally
        self._clock = clock
        self.path_map = path_map
        """Where files of workers on other machines lie here."""

    @property
    def most_nbytes(self) -> int | None:
        """Bytes that an image may have which has yet to be decoded; None sets no limit."""
        return self._store.budget

    @property
    def is_full(self) -> bool:
        """Whether there is no room for a further image until one has left."""
        return self._store.is_full

    def adopt(self, ready: ImageReady, pixels: PixelSource, worker_run: str) -> float:
        """Copy an image and return when that was done; its pixels may go now.

        Args:
            ready: What it shows.
            pixels: Its bytes, as its spec says, or what writes them.
            worker_run: Who is to be told when it is shown; empty if nobody is.

        Raises:
            ValueError: There are more or fewer bytes than the spec says, or they cannot be decompressed.
            MemoryError: There is no room for them.
        """
        number = self._store.keep(ready.spec, pixels, WorkersFile.of(ready, self.path_map))
        now = self._clock()
        self._tally.count_adopted(ready.spec.nbytes)
        self._to_window.put(ArrivedImage(ready, number, worker_run, now))
        return now
