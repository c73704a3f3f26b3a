"""Large blocks come from memory that is kept, once that was asked for."""

import subprocess
import sys

import pytest

MAPPED = """
import ctypes, sys
from hcs_protocol import keep_frame_memory

names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
class Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

try:
    told = ctypes.CDLL(None).mallinfo2
except AttributeError:
    sys.exit("the C library does not tell")
told.restype = Memory

def mapped_apart():
    before = told().hblks
    block = bytearray(16 << 20)
    return told().hblks - before

first = mapped_apart()
keep_frame_memory()
print(first, mapped_apart())
"""


def test_large_blocks_are_not_mapped_each_by_itself_any_more() -> None:
    done = subprocess.run([sys.executable, "-c", MAPPED], capture_output=True, text=True, check=False)
    if "does not tell" in done.stderr:
        pytest.skip("wants mallinfo2 of glibc 2.33")

    assert done.stdout.split() == ["1", "0"], done.stderr
