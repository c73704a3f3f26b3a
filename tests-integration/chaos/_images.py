"""Images that say who they are: the first words name worker and number, all others follow from these two."""

from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.generic]

MAGIC = 0x6863732D63616F73
RING_WORDS = 1 << 20
NAME_WORDS = 3
STRIDE = 514_229  # odd, so that the next million numbers of a worker begin elsewhere
WORKER_STRIDE = 7_919
WELLS, COLUMNS = 384, 24

SHAPES: dict[tuple[int, int], float] = {
    (128, 256): 40,  # 64 KB
    (200, 180): 20,
    (256, 256): 20,
    (256, 512): 12,
    (512, 512): 4,
    (1024, 512): 2,
    (1024, 1024): 1,
    (2048, 1024): 0.5,
    (2048, 2048): 0.5,  # 8 MB
}
"""Of 16 bits a pixel; how often each comes, in percent."""

_ring = np.random.default_rng(7).integers(0, 1 << 64, 2 * RING_WORDS, np.uint64)


class Address(TypedDict):
    """Where an image belongs."""

    plate: str
    well: str
    site: int
    channel: str


class Name(NamedTuple):
    """Which image it is."""

    worker: int
    number: int


def draw(pixels: Pixels, name: Name) -> None:
    """Fill an array with this image."""
    words = pixels.reshape(-1).view(np.uint64)
    words[:NAME_WORDS] = MAGIC, name.worker << 32 | name.number, pixels.nbytes
    np.copyto(words[NAME_WORDS:], _body(name, words.size))


def identify(source: memoryview | bytes) -> tuple[Name, bool]:
    """Return which image these bytes say they are, and whether every one of them is as it was drawn."""
    words = np.frombuffer(source, np.uint64)
    magic, names, nbytes = map(int, words[:NAME_WORDS])
    name = Name(names >> 32, names & 0xFFFFFFFF)
    is_named = (magic, nbytes) == (MAGIC, words.nbytes)
    return name, is_named and np.array_equal(words[NAME_WORDS:], _body(name, words.size))


def address(name: Name, shape: tuple[int, ...]) -> Address:
    """Return an address that no other image has, in a layer of its size."""
    row, column = divmod(name.number % WELLS, COLUMNS)
    return {
        "plate": f"worker {name.worker}",
        "well": f"{chr(ord('A') + row)}{column + 1:02}",
        "site": name.number // WELLS,
        "channel": "x".join(map(str, shape)),
    }


def _body(name: Name, words: int) -> npt.NDArray[np.uint64]:
    start = (name.worker * WORKER_STRIDE + name.number * STRIDE) % RING_WORDS
    return _ring[start : start + words - NAME_WORDS]
