"""Threads in the background make way: on a full core, waking one does not interrupt the pipeline's."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor


def give_way() -> bool:
    """Let the calling thread take a core only when that is free, or its turn has come; says whether it will.

    Linux has a policy for that, ``SCHED_BATCH`` of sched(7); elsewhere nothing is done.
    """
    if sys.platform != "linux":
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # 0 is this thread
    except OSError:  # a sandbox forbids it
        return False
    return True


def can_give_way() -> bool:
    """Say whether a thread of this process could, without changing the calling one."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(give_way).result()
