"""Makers' file names, read as addresses on a plate."""

from ._errors import (
    NoImagesError,
    NotAPlateFolderError,
    PlateNotFoundError,
    UnknownFileNameError,
    UnnameableImageError,
)
from ._htd import format_htd
from ._image_file import ImageFile
from ._imagexpress import format_imagexpress, parse_imagexpress
from ._plate import Plate, open_plate

__all__ = [
    "ImageFile",
    "NoImagesError",
    "NotAPlateFolderError",
    "Plate",
    "PlateNotFoundError",
    "UnknownFileNameError",
    "UnnameableImageError",
    "format_htd",
    "format_imagexpress",
    "open_plate",
    "parse_imagexpress",
]
