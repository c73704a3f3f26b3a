"""What dtype an array's pixels have in a block: their own, or the narrowest that shows the same values."""

import numpy as np
import numpy.typing as npt

from hcs_protocol import DTYPES, UnsupportedArrayError

Array = npt.NDArray[np.generic]
Dtype = np.dtype[np.generic]
Layout = tuple[tuple[int, ...], str]

LITTLE: dict[str, Dtype] = {name: np.dtype(name).newbyteorder("<") for name in DTYPES}
"""By name, what blocks hold."""
_little = {dtype: name for name, dtype in LITTLE.items()}
NAMES = _little | {dtype.newbyteorder(">"): name for dtype, name in _little.items()}
"""To ask a dtype for its name costs more than all the rest of a look at an array."""

_ADVICE = {
    "c": "send abs(array), array.real or array.imag",
    "f": "send array.astype(np.float64)",
    "O": "send array.astype(np.float32), if its elements are numbers",
    "V": "send one field of it, or array.astype(np.float32)",
    "M": "send array.astype(np.int64)",
    "m": "send array.astype(np.int64)",
}


def layout_of(shape: tuple[int, ...], dtype: Dtype) -> Layout:
    """Return an image's shape and the name of its dtype.

    Raises:
        UnsupportedArrayError: No image has such a dtype or shape.
    """
    name = NAMES.get(dtype) or ("float32" if is_bfloat16(dtype) else None)
    if name is None:
        raise UnsupportedArrayError(_refusal(repr(dtype), _ADVICE.get(dtype.kind, "send numbers")))
    if 0 in shape or not shape:
        raise UnsupportedArrayError(f"wanted an array that has pixels, got shape {shape!r}")
    return shape, name


def refused(dtype: object, advice: str) -> UnsupportedArrayError:
    """Return the error for a dtype that only its own library knows."""
    return UnsupportedArrayError(_refusal(str(dtype), advice))


def is_bfloat16(dtype: Dtype) -> bool:
    """Say whether it is the upper half of float32, as `ml_dtypes` and so JAX have it; NumPy knows none."""
    return dtype.kind == "V" and dtype.itemsize == 2 and dtype.name == "bfloat16"


def _refusal(found: str, advice: str) -> str:
    return f"wanted pixels of {', '.join(DTYPES)}, got {found}: {advice}"
