"""Blocks in shared memory and on disk, lent by one process and opened by others."""

from importlib.metadata import version

from ._convert import ArrayWriter, to_numpy
from ._medium import spill_folder
from ._orphans import Orphans
from ._pool import BlockPool
from ._reader import BlockReader
from ._spill import SpillPool
from ._sweep import FoundSegment, list_segments, sweep

__version__ = version("hcs-shm")

__all__ = [
    "ArrayWriter",
    "BlockPool",
    "BlockReader",
    "FoundSegment",
    "Orphans",
    "SpillPool",
    "__version__",
    "list_segments",
    "spill_folder",
    "sweep",
    "to_numpy",
]
