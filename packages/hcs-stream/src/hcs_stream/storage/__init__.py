"""Where images are kept: files, memory, OME-NGFF plates; or streamed to a viewer, by the same calls."""

from hcs_stream._unreadable import UnreadableImageError

from ._backend import Reference, StorageBackend, StreamingBackend
from ._disk import DiskBackend
from ._errors import (
    BackendNameError,
    ImageNotFoundError,
    LossyFormatError,
    NotReadableError,
    StorageWriteError,
    UnknownBackendError,
    UnknownFormatError,
    UnsafePathError,
    WrongBatchError,
)
from ._manager import FileManager
from ._memory import MemoryBackend
from ._registry import Backend, get_backend, known_backends
from ._streaming import NapariStreamBackend
from ._zarr import ZarrBackend
from ._zarr_arrays import ArrayOptions
from ._zarr_output import ZarrOutput, plate_name
from ._zarr_plate import ZarrPlate

__all__ = [
    "ArrayOptions",
    "Backend",
    "BackendNameError",
    "DiskBackend",
    "FileManager",
    "ImageNotFoundError",
    "LossyFormatError",
    "MemoryBackend",
    "NapariStreamBackend",
    "NotReadableError",
    "Reference",
    "StorageBackend",
    "StorageWriteError",
    "StreamingBackend",
    "UnknownBackendError",
    "UnknownFormatError",
    "UnreadableImageError",
    "UnsafePathError",
    "WrongBatchError",
    "ZarrBackend",
    "ZarrOutput",
    "ZarrPlate",
    "get_backend",
    "known_backends",
    "plate_name",
]
