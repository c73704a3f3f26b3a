"""Makers' file names, read as addresses on a plate."""

from hcs_stream._extras import MissingExtraError
from hcs_stream._unreadable import UnreadableImageError

from ._described import Lengths
from ._errors import (
    GrammarError,
    NoImagesError,
    NoMatchError,
    NotAPlateFolderError,
    PatternError,
    PlateNotFoundError,
    UnknownFileNameError,
    UnknownMakerError,
    UnnameableImageError,
)
from ._grammar import Description, Grammar, ParsedName, Wanted
from ._image_file import ImageFile, Result
from ._imagexpress import format_imagexpress, parse_imagexpress
from ._imagexpress_htd import format_htd
from ._makers import grammars
from ._names import folder_of_plate, format_path, parse_path, parse_paths
from ._plate import Plate, open_plate
from ._positions import read_positions
from ._read import read_image

__all__ = [
    "Description",
    "Grammar",
    "GrammarError",
    "ImageFile",
    "Lengths",
    "MissingExtraError",
    "NoImagesError",
    "NoMatchError",
    "NotAPlateFolderError",
    "ParsedName",
    "PatternError",
    "Plate",
    "PlateNotFoundError",
    "Result",
    "UnknownFileNameError",
    "UnknownMakerError",
    "UnnameableImageError",
    "UnreadableImageError",
    "Wanted",
    "folder_of_plate",
    "format_htd",
    "format_imagexpress",
    "format_path",
    "grammars",
    "open_plate",
    "parse_imagexpress",
    "parse_path",
    "parse_paths",
    "read_image",
    "read_positions",
]
