"""Where an array lies, as a capsule of DLPack says it: https://dmlc.github.io/dlpack/latest/c_api.html."""

import ctypes
from typing import ClassVar

_CUDA = 2
"""kDLCUDA: memory of a CUDA device, not of the host on its behalf."""


class _Tensor(ctypes.Structure):
    """DLTensor."""

    _fields_: ClassVar = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("dtype", ctypes.c_uint8 * 4),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_read = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def pointer_in_c_order(capsule: object, device_type: int = _CUDA) -> int | None:
    """Return where the pixels begin; None if they do not follow each other in C order, or lie elsewhere.

    Args:
        capsule: That nobody has taken yet, of the DLPack before 1.0.
        device_type: Where they have to lie, as DLPack numbers that.

    Raises:
        ValueError: It is another capsule.
    """
    tensor = _Tensor.from_address(_read(capsule, b"dltensor"))
    if tensor.device_type != device_type or not tensor.data:
        return None
    if tensor.strides:  # else they do
        expected = 1
        for axis in reversed(range(tensor.ndim)):
            length = tensor.shape[axis]
            if length != 1 and tensor.strides[axis] != expected:
                return None
            expected *= length
    pointer: int = tensor.data + tensor.byte_offset
    return pointer
