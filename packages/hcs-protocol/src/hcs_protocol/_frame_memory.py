"""Memory for frames: kept for the next one, not given back to the system after each."""

LARGEST_NBYTES = (32 << 20) - (1 << 13)
"""Of the blocks that the GNU C library keeps: M_MMAP_THRESHOLD in mallopt(3)."""


def keep_frame_memory() -> None:
    """Have the C library keep the memory of frames for the next ones; to say it once is enough.

    ZeroMQ takes memory for each message, and for encrypted ones twice. The GNU C library gives blocks of
    some megabytes back at once, and to get them again the system clears each page: a twentieth to a tenth of
    the time that an image of 8 MB takes. What it keeps it learns from the largest block that is freed, which
    is one of 32 MiB here, and never touched; afterwards each thread's heap keeps at most twice as much. Other
    C libraries have ways of their own, and do nothing about it.
    """
    bytearray(LARGEST_NBYTES)
