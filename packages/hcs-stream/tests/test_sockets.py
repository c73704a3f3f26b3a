"""Sockets of a process that can hardly have any."""

import subprocess
import sys
import threading

import pytest

from hcs_stream import _sockets
from hcs_stream._sockets import process_context

WITH_FEW_DESCRIPTORS = """
import os, resource, sys, zmq
from hcs_stream._sockets import process_context

limits = resource.getrlimit(resource.RLIMIT_NOFILE)
opened = len(os.listdir("/proc/self/fd")) - 1
resource.setrlimit(resource.RLIMIT_NOFILE, (opened + int(sys.argv[1]), limits[1]))
try:
    process_context().socket(zmq.DEALER)
except OSError as error:
    print(error.strerror)
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
process_context().socket(zmq.DEALER).close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors as Linux tells them")
@pytest.mark.parametrize("free", range(1, 7))
def test_a_process_with_hardly_a_descriptor_is_told_so_and_lives(free: int) -> None:
    command = [sys.executable, "-c", WITH_FEW_DESCRIPTORS, str(free)]

    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "Too many open files\n", "")


def test_a_process_that_can_start_few_threads_makes_no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    left, start = [2], threading.Thread.start

    def start_few(thread: threading.Thread) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(_sockets, "_contexts", {})
    monkeypatch.setattr(threading.Thread, "start", start_few)

    with pytest.raises(RuntimeError):
        process_context()

    assert _sockets._contexts == {}
