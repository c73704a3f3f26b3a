"""A pipeline's pace."""

import time
from collections.abc import Callable


def send_paced(send: Callable[[int], object], first: int, count: int, gap: float) -> list[tuple[int, int]]:
    """Send so many images, one each ``gap`` seconds, and return when each call began and ended.

    What takes longer than the gap is not made up for.
    """
    calls = []
    due = time.monotonic()
    for number in range(first, first + count):
        time.sleep(max(0.0, due - time.monotonic()))
        due = max(due, time.monotonic() - gap) + gap
        began = time.monotonic_ns()
        send(number)
        calls.append((began, time.monotonic_ns()))
    return calls
