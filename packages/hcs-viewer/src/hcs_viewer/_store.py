"""The images a viewer keeps: in memory of its own within a budget, and beyond that in files."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeAlias

import numpy as np

from hcs_protocol import DTYPES, MAX_FRAME_NBYTES, CompressedPixelsError, ImageSpec

from ._caretaker import BEGIN, Caretaker
from ._compressed import CompressedFrame
from ._contrast import SAMPLES, sampled
from ._shelf import KeptImage, Pixels, PixelsFile, Place, Shelf, blank_image
from ._slabs import FREE_NBYTES, SMALL_NBYTES, Slab, Slabs
from ._spilled import SpillFolder

logger = logging.getLogger(__name__)

SHORT = 0.75
"""At which part of the budget others should go easy on their memory."""
FREE_PART = 1 / 16
"""So much of the budget is memory that waits for the next images."""
HELD_NBYTES = 1 << 19
"""To copy up to so many bytes takes no longer than to let another thread have the GIL meanwhile."""
KEPT_SAMPLES = 1 << 10
"""Of so many images the sample is kept until it is asked for."""

PixelSource: TypeAlias = memoryview | bytes | CompressedFrame
"""The bytes of an image, or what they come from."""

_dtypes = {name: np.dtype(name).newbyteorder("<") for name in DTYPES}


class ImageLostError(LookupError):
    """An image had left the memory and cannot come back."""


class Store:
    """Adopted images by number; one thread keeps them, another looks at them and forgets them.

    With a budget it wants a thread of its own, between `start` and `stop`.
    """

    def __init__(
        self,
        slabs: Slabs | None = None,
        *,
        budget: int | None = None,
        folder: SpillFolder | None = None,
        clock: Callable[[], float] = time.monotonic,
        measure: Callable[[], int] = lambda: 0,
    ) -> None:
        """Make it.

        Args:
            slabs: Memory for pixels.
            budget: Bytes of memory; None sets no limit.
            folder: Where images go for which there is no memory.
            clock: Says when it is time to try again what the disk refused.
            measure: Returns the bytes that this process has for itself: what drawing needs counts, too.
        """
        most = FREE_NBYTES if budget is None else min(FREE_NBYTES, int(FREE_PART * budget))
        self._slabs = slabs or Slabs(most)
        self._shelf = Shelf(self._slabs, budget)
        self._samples: OrderedDict[int, Pixels] = OrderedDict()
        self._caretaker = Caretaker(self._shelf, self._read, folder, clock, measure)
        self._thread: threading.Thread | None = None

    def start(self, on_back: Callable[[object], None], on_room: Callable[[], None]) -> None:
        """Start the thread by which images leave and come back.

        Args:
            on_back: Called by it with whoever looked at images that were away, when all of them are there.
            on_room: Called by it when `is_full` is over, if that is its doing.
        """
        self._caretaker.on_back, self._caretaker.on_room = on_back, on_room
        self._thread = threading.Thread(target=self._caretaker.run, name="hcs-store", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and remove its files; a second time is harmless."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._caretaker.stop()
            thread.join()

    @property
    def budget(self) -> int | None:
        """Bytes of memory; None is no limit."""
        return self._shelf.budget

    @property
    def nbytes(self) -> int:
        """Bytes of the images in memory."""
        return self._shelf.nbytes

    @property
    def spilled_nbytes(self) -> int:
        """Bytes of the images that left the memory."""
        return self._shelf.away_nbytes

    @property
    def spilled_images(self) -> int:
        """Number of the images that left the memory."""
        return self._shelf.away_images

    @property
    def is_full(self) -> bool:
        """Whether there is no room for a further image until one has left."""
        return self._shelf.is_full

    @property
    def is_short(self) -> bool:
        """Whether memory runs short, so that others should go easy on theirs."""
        return self._shelf.exceeds(SHORT)

    @property
    def problem(self) -> str | None:
        """What the user should know, and do; None if all is well."""
        if self._caretaker.problem is None and self._shelf.refuses:
            return (
                "a volume is not shown: one may be a quarter of the memory, all together half; "
                "look at single planes, or start the viewer with more --memory"
            )
        return self._caretaker.problem

    def reserve(self, nbytes: int) -> None:
        """Let others have so many bytes of the budget, instead of what was reserved before."""
        self._shelf.reserved = nbytes
        self._look_after()

    def keep(self, spec: ImageSpec, source: PixelSource, file: PixelsFile | None = None) -> int:
        """Copy an image's bytes and return the image's number.

        Args:
            spec: What the bytes are.
            source: C order, little-endian, as long as the spec says; or compressed.
            file: Where the same pixels are, too.

        Raises:
            ValueError: There are more or fewer bytes, or they cannot be decompressed.
            MemoryError: There is no memory for them.
        """
        nbytes = spec.nbytes
        if isinstance(source, CompressedFrame):
            memory = self._decompressed(source)
        else:
            if (there := memoryview(source).nbytes) != nbytes:
                raise ValueError(f"wanted {nbytes} bytes for {spec.shape} {spec.dtype}, there are {there}")
            memory = self._slabs.take(nbytes)
            if nbytes <= HELD_NBYTES:
                memoryview(memory)[:] = memoryview(source).cast("B")
            else:
                np.copyto(memory, np.frombuffer(source, np.uint8))  # lets go of the GIL
        kept = _as_image(memory, spec)
        number = self._shelf.add(kept, file, is_loose=nbytes < SMALL_NBYTES)
        self._keep_sample(number, kept)
        self._look_after()
        return number

    def _decompressed(self, source: CompressedFrame) -> Slab:
        """Return what comes out: of a few bytes it may be much, while those of a plain image are there."""
        most = MAX_FRAME_NBYTES if self.budget is None else min(MAX_FRAME_NBYTES, self.budget)
        if source.nbytes > most:
            raise CompressedPixelsError(
                f"wanted at most {most} bytes once decompressed, found {source.nbytes}"
            )
        memory = self._slabs.take(source.nbytes)
        source.write(memory)
        return memory

    def put(self, image: KeptImage) -> int:
        """Keep an image whose pixels are the viewer's own already, and return its number."""
        return self._shelf.add(image)

    def look(
        self, looker: object, numbers: Iterable[int], copied_nbytes: int = 0
    ) -> dict[int, KeptImage] | None:
        """Return what somebody looks at from now on; None if it is not there, and nobody waits here for it.

        What is away comes back, and `on_back` says when, unless the looker looks at something else first.
        Volumes that are too much for the memory do not. Of an image that is lost a blank one is returned.

        Args:
            looker: Who looks. What it looked at before may leave the memory.
            numbers: Of the images.
            copied_nbytes: Of the copy that the looker will make of them, and lets them leave for; else 0.

        Raises:
            KeyError: One was forgotten.
        """
        images = self._shelf.look(looker, numbers, copied_nbytes)
        if images is None:
            self._caretaker.wake()
        return images

    def get(self, number: int) -> KeptImage:
        """Return an image, and wait until it is read if it is away: it stays away.

        Raises:
            KeyError: It was forgotten.
            ImageLostError: It cannot be read.
        """
        try:
            return self._read_if_away(self._shelf.find(number))
        except OSError as error:
            self._shelf.find(number)  # forgotten meanwhile
            raise ImageLostError(f"this image left the memory and cannot be read: {error}") from error

    def sample(self, number: int) -> Pixels:
        """Return a few thousand pixels from all over an image; of one that is lost, blank ones.

        Raises:
            KeyError: It was forgotten.
        """
        sample = self._samples.pop(number, None)
        if sample is not None:
            return sample
        place = self._shelf.find(number)
        try:
            return sampled(_planes(self._read_if_away(place)))
        except OSError:
            return sampled(_planes(blank_image(place.spec)))

    def room(self, nbytes: int) -> Slab:
        """Return memory to copy pixels into, which counts until nobody looks at it any more."""
        return self._slabs.take(nbytes)

    def forget(self, number: int) -> None:
        """Forget an image; a second time is harmless."""
        self._samples.pop(number, None)
        place = self._shelf.forget(number)
        if place is not None and place.file is not None:
            self._caretaker.remove_soon(place.file)

    def drop_idle(self) -> None:
        """Give memory back that was free for a while; call it now and then."""
        self._slabs.drop_idle()

    def __len__(self) -> int:
        return len(self._shelf)

    def _look_after(self) -> None:
        if self._shelf.exceeds(BEGIN):
            self._caretaker.wake()

    def _keep_sample(self, number: int, kept: KeptImage) -> None:
        """Sample an image while its pixels are in the processor's cache, if that will be asked for."""
        spec, pixels = kept.spec, kept.pixels
        if spec.kind == "labels" or spec.axes[-1] == "c" or pixels.size < 4 * SAMPLES:
            return
        self._samples[number] = sampled(pixels).copy()
        if len(self._samples) > KEPT_SAMPLES:
            with suppress(KeyError):  # asked for just now
                self._samples.popitem(last=False)

    def _read_if_away(self, place: Place) -> KeptImage:
        kept = place.kept
        return self._read(place) if kept is None or place.is_lost else kept

    def _read(self, place: Place) -> KeptImage:
        """Read an image that is away, or raise `OSError`."""
        if place.file is None:
            raise OSError("it lies nowhere")
        memory = self._slabs.take(place.nbytes)
        place.file.read(memory)
        return _as_image(memory, place.spec)


def _planes(kept: KeptImage) -> Pixels:
    """Return a view of shape ``([z,] y, x)``; of colours one of each, and alpha, which is none, left out."""
    return np.moveaxis(kept.pixels[..., :3], -1, 0) if kept.spec.axes[-1] == "c" else kept.pixels


def _as_image(memory: Slab, spec: ImageSpec) -> KeptImage:
    pixels = memory.view(_dtypes[spec.dtype]).reshape(spec.shape)
    pixels.flags.writeable = False
    return KeptImage(pixels, spec)
