"""Pixels that a worker refers to by file."""

import os

import numpy as np
import numpy.typing as npt
import tifffile

from hcs_protocol import BlockUnavailableError, FileRef, ImageSpec

Pixels = npt.NDArray[np.generic]


def read_file(ref: FileRef, spec: ImageSpec) -> bytes:
    """Return the bytes of an image in a TIFF file.

    Raises:
        BlockUnavailableError: There is no such file or page, or it is not what the spec says.
    """
    if not os.path.isfile(ref.path):
        raise BlockUnavailableError(f"no such file: {ref.path!r}")  # nor a pipe that makes its reader wait
    try:
        with tifffile.TiffFile(ref.path) as tiff:
            pixels = _read_page(tiff.pages[ref.key], spec)
    except Exception as error:  # a damaged file makes its decoders raise anything
        raise BlockUnavailableError(f"cannot read page {ref.key} of {ref.path!r}: {error}") from error
    return pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()


def _read_page(page: tifffile.TiffPage | tifffile.TiffFrame, spec: ImageSpec) -> Pixels:
    """Return the pixels of a page that is what the spec says; no other is decoded."""
    if page.shape != spec.shape or page.dtype != np.dtype(spec.dtype):
        raise ValueError(f"wanted {spec.shape} {spec.dtype}, there is {page.shape} {page.dtype}")
    return page.asarray()
