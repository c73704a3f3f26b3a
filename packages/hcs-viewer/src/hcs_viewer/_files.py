"""Pixels that a worker refers to by file."""

import numpy as np
import tifffile

from hcs_protocol import BlockUnavailableError, FileRef, ImageSpec


def read_file(ref: FileRef, spec: ImageSpec) -> bytes:
    """Return the bytes of an image in a TIFF file.

    Raises:
        BlockUnavailableError: There is no such file or page, or it is not what the spec says.
    """
    try:
        pixels = np.asarray(tifffile.imread(ref.path, key=ref.key))
    except (OSError, IndexError, ValueError, tifffile.TiffFileError) as error:
        raise BlockUnavailableError(f"cannot read page {ref.key} of {ref.path!r}: {error}") from error
    if pixels.shape != spec.shape or pixels.dtype.name != spec.dtype:
        found = f"{pixels.shape} {pixels.dtype.name}"
        raise BlockUnavailableError(f"wanted {spec.shape} {spec.dtype}, there is {found} in {ref.path!r}")
    return pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
