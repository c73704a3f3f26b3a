"""`hcs-stream viewers` tells what became of images, and which viewer is frozen."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest

import hcs_stream


@pytest.fixture
def frozen_viewer(viewer: hcs_stream.Viewer) -> Iterator[hcs_stream.Viewer]:
    """A viewer whose process is stopped during the test."""
    process = psutil.Process(viewer.connection.pid)
    process.suspend()
    yield viewer
    process.resume()
    viewer.ping()


def listed(viewer: hcs_stream.Viewer) -> dict[str, Any]:
    """Return the viewer's line of ``hcs-stream viewers --json``."""
    command = [sys.executable, "-m", "hcs_stream", "viewers", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return next(line for line in lines if line["viewer_run"] == viewer.connection.viewer_run)


def test_what_became_of_images_is_told(viewer: hcs_stream.Viewer) -> None:
    before = viewer.ping().counters.adopted
    with hcs_stream.connect(data_port=viewer.connection.data_port) as stream:
        for site in range(3):
            stream.send(np.zeros((16, 16), "uint8"), site=site)

    line = listed(viewer)

    assert (line["state"], line["pid"]) == ("ready", viewer.connection.pid)
    assert line["counters"]["adopted"] == before + 3


def test_each_worker_is_told_with_its_policy(viewer: hcs_stream.Viewer) -> None:
    with hcs_stream.connect(data_port=viewer.connection.data_port, overflow="latest") as stream:
        stream.send(np.zeros((16, 16), "uint8"))
        stream.flush()
        _wait_until_told(viewer, "latest")

        line = listed(viewer)

    mine = next(worker for worker in line["workers"] if str(os.getpid()) in worker["name"])
    assert mine["overflow"] == "latest"
    assert mine["adopted"] == mine["published"] > 0


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be stopped here")
def test_a_frozen_viewer_is_named(frozen_viewer: hcs_stream.Viewer) -> None:
    line = listed(frozen_viewer)

    assert (line["state"], line["counters"]) == ("frozen", None)
    assert f"kill -CONT {frozen_viewer.connection.pid}" in line["problem"]


def _wait_until_told(viewer: hcs_stream.Viewer, policy: str) -> None:
    deadline = time.monotonic() + 30
    while not any(worker.overflow == policy and worker.adopted for worker in viewer.ping().workers):
        assert time.monotonic() < deadline, "it never came about"
