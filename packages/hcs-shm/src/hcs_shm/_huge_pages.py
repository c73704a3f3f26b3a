"""Segments in huge pages, where the system has them: to fill one then takes no longer than to fill an array.

Shared memory comes in pages of 4 KiB, arrays of NumPy in those of 2 MiB: in small pages the processor looks
addresses up so often that adding one to 8 MB takes a sixth longer. Since 6.1 Linux exchanges the pages of
memory that is in use for huge ones when asked to (``MADV_COLLAPSE`` in ``madvise(2)``), whatever the settings
of transparent huge pages say of shared memory; addresses and places in the file must match for that.
"""

import contextlib
import errno
import mmap
import os
import sys
from collections.abc import Callable, Iterator

import numpy as np

HUGE_NBYTES = 2 << 20
"""Of a huge page, on x86-64 and most others."""
SWITCH = "HCS_SHM_HUGE_PAGES"
"""``0`` leaves small pages."""

_COLLAPSE, _AT_THIS_ADDRESS = 25, 0x10  # from asm-generic/mman-common.h; Python does not name them
_PIECE_NBYTES = 4 * HUGE_NBYTES
_TRY_OTHERS = frozenset({errno.EAGAIN, errno.EBUSY})
"""This piece is in use just now; anything else holds for all of them."""


def map_aligned(descriptor: int, nbytes: int, *, writable: bool) -> tuple[mmap.mmap, memoryview]:
    """Map a file from its beginning; a large one, if possible, at an address that huge pages can have.

    Returns what is to be closed, which may be larger, and the file's bytes.

    Args:
        descriptor: Of the open file.
        nbytes: How much of it.
        writable: Whether it is written to, for all who have it open.
    """
    if sys.platform == "linux" and sys.maxsize > 1 << 32 and nbytes >= HUGE_NBYTES:
        with contextlib.suppress(OSError):
            return _map_within(descriptor, nbytes, mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0))
    memory = mmap.mmap(descriptor, nbytes, access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
    return memory, memoryview(memory)


def _map_within(descriptor: int, nbytes: int, protection: int) -> tuple[mmap.mmap, memoryview]:
    """Map a file over a part of a mapping that is large enough; whoever unmaps that unmaps both.

    Python's own mapping cannot be told where to begin.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_long,
    ]
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    room = mmap.mmap(-1, nbytes + HUGE_NBYTES, flags=private, prot=protection)
    begin = -_address(room) % HUGE_NBYTES
    wanted = _address(room) + begin
    found = libc.mmap(wanted, nbytes, protection, mmap.MAP_SHARED | _AT_THIS_ADDRESS, descriptor, 0)
    if found != wanted:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return room, memoryview(room)[begin : begin + nbytes]


def use_huge_pages(contents: memoryview, is_over: Callable[[], bool]) -> int:
    """Exchange the pages of mapped memory for huge ones; returns how many bytes have them now.

    Anybody may read and write it meanwhile. Takes a millisecond or two per megabyte, without the interpreter.

    Args:
        contents: The memory.
        is_over: Asked again and again whether to leave the rest as it is.
    """
    if sys.platform != "linux" or os.environ.get(SWITCH) == "0":
        return 0
    import ctypes  # mmap.madvise would keep the interpreter to itself

    libc = ctypes.CDLL(None, use_errno=True)
    done = 0
    for address, nbytes in _pieces(contents):
        if is_over():
            break
        if not libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(nbytes), _COLLAPSE):
            done += nbytes
        elif ctypes.get_errno() not in _TRY_OTHERS:
            break
    return done


def _pieces(contents: memoryview) -> Iterator[tuple[int, int]]:
    """Yield address and size of what consists of whole huge pages."""
    begin = _address(contents)
    end = (begin + contents.nbytes) // HUGE_NBYTES * HUGE_NBYTES
    for address in range(-(-begin // HUGE_NBYTES) * HUGE_NBYTES, end, _PIECE_NBYTES):
        yield address, min(_PIECE_NBYTES, end - address)


def _address(memory: mmap.mmap | memoryview) -> int:
    address: int = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
    return address
