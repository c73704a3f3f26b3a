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

_COLLAPSE = 25  # from asm-generic/mman-common.h; Python does not name it
_PIECE_NBYTES = 4 * HUGE_NBYTES
_TRIES = 8
_TRY_OTHERS = frozenset({errno.EAGAIN, errno.EBUSY})
"""This piece is in use just now; anything else holds for all of them."""


def map_aligned(descriptor: int, nbytes: int, access: int) -> mmap.mmap:
    """Map a file from its beginning; a large one, if possible, at an address that huge pages can have.

    Args:
        descriptor: Of the open file.
        nbytes: How much of it.
        access: As of `mmap.mmap`.
    """
    memory = mmap.mmap(descriptor, nbytes, access=access)
    if sys.platform != "linux" or nbytes < HUGE_NBYTES:
        return memory
    with contextlib.ExitStack() as in_the_way:
        for _ in range(_TRIES):
            address = _address(memory)
            if not address % HUGE_NBYTES:
                break
            in_the_way.enter_context(memory)  # a mapping goes into the highest gap, or below all others
            gap = -(-nbytes // HUGE_NBYTES) * HUGE_NBYTES + (address - nbytes) % HUGE_NBYTES
            with contextlib.suppress(OSError):
                in_the_way.enter_context(mmap.mmap(-1, gap, prot=mmap.PROT_READ))
            memory = mmap.mmap(descriptor, nbytes, access=access)
    return memory


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
