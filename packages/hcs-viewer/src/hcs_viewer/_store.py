"""The images a viewer keeps, in memory of its own."""

from itertools import count

import msgspec
import numpy as np
import numpy.typing as npt

from hcs_protocol import DTYPES, ImageSpec

from ._contrast import sampled
from ._slabs import Slabs

Pixels = npt.NDArray[np.generic]

_dtypes = {name: np.dtype(name).newbyteorder("<") for name in DTYPES}


class KeptImage(msgspec.Struct, frozen=True, eq=False):
    """One image in the store."""

    pixels: Pixels
    """Of the spec's shape, read-only."""
    spec: ImageSpec


class Store:
    """Adopted images by number; one thread keeps them, another looks at them and forgets them."""

    def __init__(self, slabs: Slabs | None = None) -> None:
        self._images: dict[int, KeptImage] = {}
        self._numbers = count(1)
        self._slabs = slabs or Slabs()

    @property
    def nbytes(self) -> int:
        """Bytes of all images."""
        return sum(image.pixels.nbytes for image in list(self._images.values()))

    def keep(self, spec: ImageSpec, source: memoryview | bytes) -> int:
        """Copy an image's bytes and return the image's number.

        Args:
            spec: What the bytes are.
            source: C order, little-endian, as long as the spec says.

        Raises:
            ValueError: There are more or fewer bytes.
            MemoryError: There is no memory for them.
        """
        nbytes, there = spec.nbytes, memoryview(source).nbytes
        if there != nbytes:
            raise ValueError(f"wanted {nbytes} bytes for {spec.shape} {spec.dtype}, there are {there}")
        memory = self._slabs.take(nbytes)
        np.copyto(memory, np.frombuffer(source, np.uint8))  # lets go of the GIL
        pixels = memory.view(_dtypes[spec.dtype]).reshape(spec.shape)
        pixels.flags.writeable = False
        return self.put(KeptImage(pixels, spec))

    def put(self, image: KeptImage) -> int:
        """Keep an image whose pixels are the viewer's own already, and return its number."""
        number = next(self._numbers)
        self._images[number] = image
        return number

    def get(self, number: int) -> KeptImage:
        """Return an image.

        Raises:
            KeyError: It was forgotten.
        """
        return self._images[number]

    def sample(self, number: int) -> Pixels:
        """Return a few thousand pixels from all over an image.

        Raises:
            KeyError: It was forgotten.
        """
        return sampled(self._images[number].pixels)

    def forget(self, number: int) -> None:
        """Forget an image; a second time is harmless."""
        self._images.pop(number, None)

    def drop_idle(self) -> None:
        """Give memory back that was free for a while; call it now and then."""
        self._slabs.drop_idle()

    def __len__(self) -> int:
        return len(self._images)
