"""Blocks of shared memory, lent by one process and opened by others."""

from importlib.metadata import version

from ._convert import ArrayWriter
from ._pool import BlockPool
from ._reader import BlockReader
from ._sweep import FoundSegment, list_segments, sweep

__version__ = version("hcs-shm")

__all__ = [
    "ArrayWriter",
    "BlockPool",
    "BlockReader",
    "FoundSegment",
    "__version__",
    "list_segments",
    "sweep",
]
