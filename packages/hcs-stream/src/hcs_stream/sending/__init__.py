"""From files to a viewer: images are found, chosen, read ahead and sent, for the commands and the manager."""

from ._choice import Choice, NothingChosenError, NumberFilter, number_filter
from ._distinct import LooseNames
from ._finding import NOT_MATCHING, Found, NoSuchImageError, choose, find_images
from ._found_images import PICTURES, TIFF, FoundImage, of_no_plate, of_plate
from ._image_table import ImageTable
from ._open_plates import files, open_plates, reason
from ._opening import Opening, OpeningCancelledError, OpeningError
from ._planes import Plane, PlaneOnDisk, planes_on_disk, read_planes
from ._printable import printable, readable
from ._read_ahead import read_ahead
from ._sender import Sender, declare
from ._steps import choose_labels, choose_step, step_text

__all__ = [
    "NOT_MATCHING",
    "PICTURES",
    "TIFF",
    "Choice",
    "Found",
    "FoundImage",
    "ImageTable",
    "LooseNames",
    "NoSuchImageError",
    "NothingChosenError",
    "NumberFilter",
    "Opening",
    "OpeningCancelledError",
    "OpeningError",
    "Plane",
    "PlaneOnDisk",
    "Sender",
    "choose",
    "choose_labels",
    "choose_step",
    "declare",
    "files",
    "find_images",
    "number_filter",
    "of_no_plate",
    "of_plate",
    "open_plates",
    "planes_on_disk",
    "printable",
    "read_ahead",
    "read_planes",
    "readable",
    "reason",
    "step_text",
]
