"""Pixels from host memory into a block: one pass, without the GIL."""

import numpy as np

from ._dtypes import Array, is_bfloat16

_STRIP = 32
"""Pixels: a strip's cache lines survive until its next row."""


def copy_pixels(target: Array, source: Array) -> None:
    """Copy into an array of the same shape, of the source's dtype or of the one that stands in for it."""
    if source.flags.c_contiguous and source.dtype.kind != "V":
        np.copyto(target, source)
        return
    if is_bfloat16(source.dtype):
        widen(target, source.view(np.uint16))
        return
    densest = min((abs(stride) for stride in source.strides if stride), default=0)
    strip = _STRIP if abs(source.strides[-1]) > densest else source.shape[-1]
    for begin in range(0, source.shape[-1], strip):  # NumPy's own order is up to nine times slower
        np.copyto(target[..., begin : begin + strip], source[..., begin : begin + strip])


def widen(target: Array, halves: Array) -> None:
    """Write float32 from the bits of bfloat16, which are its upper half; each value stays what it is."""
    np.left_shift(halves, np.uint32(16), out=target.view("<u4"), dtype=np.uint32)
