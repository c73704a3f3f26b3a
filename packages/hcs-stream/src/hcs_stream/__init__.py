"""Stream images from a pipeline to a viewer that runs beside it."""

from importlib.metadata import version

from hcs_protocol import DimensionMode, DisplayConfiguration, VariableSizeHandling

from ._assembly import connect
from ._compression import Compression
from ._counters import StreamCounters
from ._overflow import Overflow
from ._starting import start_viewer
from ._stream import Stream
from ._viewer import Viewer
from ._viewers import find_viewer, viewers
from ._visualizer import NapariStreamVisualizer

__version__ = version("hcs-stream")

__all__ = [
    "Compression",
    "DimensionMode",
    "DisplayConfiguration",
    "NapariStreamVisualizer",
    "Overflow",
    "Stream",
    "StreamCounters",
    "VariableSizeHandling",
    "Viewer",
    "__version__",
    "connect",
    "find_viewer",
    "start_viewer",
    "viewers",
]
