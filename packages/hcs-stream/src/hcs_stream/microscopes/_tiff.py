"""TIFF files, opened one by one, and only such as are there to their end."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hcs_stream._unreadable import UnreadableImageError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

GREY = (0, 1)
"""White is zero, and black is: how TIFF says what a sample means."""
ALPHA = ((1,), (2,))
"""Associated and unassociated: what TIFF says that a further sample is."""

CUT_OFF = "a file that is cut off, or still being written,"


@contextmanager
def open_tiff(path: Path) -> "Iterator[TiffFile]":
    """Open a TIFF file; one of a set of OME or of Micro-Manager is asked for, and not the set.

    Raises:
        UnreadableImageError: The file is cut off, or somebody still writes it. Nothing tells a file whose
            writer has just finished one of several pages from a whole one.
    """
    import tifffile  # takes a while to import, and file names alone do without

    # Else tifffile reads the whole set through each of its files.
    try:
        opened = tifffile.TiffFile(path, _multifile=False, is_mmstack=False, is_ndtiff=False)
    except struct.error as error:  # it ends in its header
        raise UnreadableImageError(path, CUT_OFF) from error
    with opened as file:
        if _is_cut_off(file):
            raise UnreadableImageError(path, CUT_OFF)
        yield file


def has_channels(page: "TiffPage | None") -> bool:
    """Say whether the samples of a page are channels: neither colours, nor grey and its transparency."""
    if page is None or page.samplesperpixel == 1:
        return False
    if page.photometric in GREY:
        return page.samplesperpixel != 2 or page.extrasamples[:1] not in ALPHA
    return page.samplesperpixel not in (3, 4)


def _is_cut_off(file: "TiffFile") -> bool:
    """Say whether a further page, or the pixels of the last one, would lie beyond the end.

    So it is if there is no page at all. tifffile does with the pages that are there.
    """
    if not len(file.pages):
        return True
    end = file.filehandle.size
    link = file.pages.next_page_offset
    if link is not None:
        file.filehandle.seek(link)
        read = file.filehandle.read(file.tiff.offsetsize)
        if len(read) < file.tiff.offsetsize or struct.unpack(file.tiff.offsetformat, read)[0] >= end:
            return True
    last = file.pages[-1]
    return any(sum(segment) > end for segment in zip(last.dataoffsets, last.databytecounts, strict=True))
