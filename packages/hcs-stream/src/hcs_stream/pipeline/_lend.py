"""`lend`: memory that the viewers read too, for a function that computes into an array it is given."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import numpy.typing as npt

from hcs_protocol import HcsError
from hcs_stream import Stream

_stream: ContextVar[Stream | None] = ContextVar("stream", default=None)


def lend(shape: Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
    """Return an array to compute a step's result into; to publish it, no copy is made then.

    It is ordinary memory where the result is streamed nowhere, and outside of a pipeline. It holds what an
    earlier image left, and cannot be written any more when the function has returned it.

    Args:
        shape: Of the result.
        dtype: Of its pixels.
    """
    stream = _stream.get()
    if stream is not None:
        try:
            return stream.lend(shape, dtype)
        except HcsError:  # no image has this dtype or shape, or there is no room
            pass
    return np.empty(shape, dtype)


@contextmanager
def lending(stream: Stream | None) -> Iterator[None]:
    """Let functions called meanwhile compute into this stream's memory."""
    token = _stream.set(stream)
    try:
        yield
    finally:
        _stream.reset(token)
