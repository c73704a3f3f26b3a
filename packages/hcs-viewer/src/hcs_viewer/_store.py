"""The images a viewer keeps, in memory of its own."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hcs_protocol import ImageSpec

Pixels = npt.NDArray[np.generic]


@dataclass(frozen=True)
class KeptImage:
    """One image in the store."""

    pixels: Pixels
    """Of the spec's shape, read-only."""
    spec: ImageSpec


class Store:
    """Adopted images by number; one thread keeps them, another looks at them."""

    def __init__(self) -> None:
        self._images: dict[int, KeptImage] = {}
        self._next = 0

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
        """
        dtype = np.dtype(spec.dtype).newbyteorder("<")
        nbytes = memoryview(source).nbytes
        if nbytes != spec.nbytes:
            raise ValueError(f"wanted {spec.nbytes} bytes for {spec.shape} {spec.dtype}, there are {nbytes}")
        pixels = np.empty(spec.shape, dtype)
        np.copyto(pixels, np.frombuffer(source, dtype).reshape(spec.shape))  # lets go of the GIL
        pixels.flags.writeable = False
        return self.put(KeptImage(pixels, spec))

    def put(self, image: KeptImage) -> int:
        """Keep an image whose pixels are the viewer's own already, and return its number."""
        self._next += 1
        self._images[self._next] = image
        return self._next

    def get(self, number: int) -> KeptImage:
        """Return an image.

        Raises:
            KeyError: It was forgotten.
        """
        return self._images[number]

    def forget(self, number: int) -> None:
        """Forget an image; a second time is harmless."""
        self._images.pop(number, None)

    def __len__(self) -> int:
        return len(self._images)
