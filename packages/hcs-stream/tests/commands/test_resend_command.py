"""`hcs-stream resend` sends what workers that ended left for viewers on other machines."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

import hcs_shm
from hcs_protocol import Connection, ImageReady, write_connection
from hcs_stream import _registry
from hcs_stream.cli import main

ELSEWHERE = "0.0.0.0"
"""This machine, by an address that is nobody's own: what connects to it arrives here."""
WORKER = """
import logging, os, signal, sys
import numpy as np
import hcs_stream

host, port, count, ending = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
stream = hcs_stream.connect(host=host, data_port=port, wait=False, run="night", overflow="block(20)")
for site in range(1, count + 1):
    stream.send(np.full((4, 5), site, "uint8"), well="A01", site=site, step=(2, "blur"))
if ending == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
stream.close(0.1)
"""
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def shared_memory(monkeypatch: pytest.MonkeyPatch, own_places: Path) -> Iterator[Path]:
    """Where segments lie; this process has a pool of its own there."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("HCS_SHM_DIR", folder)
        monkeypatch.setattr(_registry._registry, "holdings", None)
        yield Path(folder)


@pytest.fixture
def away(viewer: Any, own_places: Path) -> Connection:
    """A viewer on another machine, which cannot be reached now."""
    viewer.kill()
    known: Connection = msgspec.structs.replace(viewer.connection, host=ELSEWHERE, machine="another")
    write_connection(known, [own_places])
    return known


@pytest.fixture
def back(away: Connection, new_viewer: Any, own_places: Path) -> Callable[[], Any]:
    """Let it be reached again."""

    def come() -> Any:
        viewer = new_viewer(away.data_port)
        write_connection(
            msgspec.structs.replace(viewer.connection, host=ELSEWHERE, machine="another"), [own_places]
        )
        return viewer

    return come


def work(away: Connection, count: int, ending: str = "closed") -> str:
    """Run a worker that ends before the viewer took anything; return its log."""
    command = [sys.executable, "-c", WORKER, away.host, str(away.data_port), str(count), ending]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == (-signal.SIGKILL if ending == "killed" else 0), done.stderr
    return done.stderr


@pytest.mark.parametrize(
    "ending", ["closed", pytest.param("killed", marks=pytest.mark.skipif(os.name == "nt", reason="signals"))]
)
def test_what_a_worker_left_is_sent_in_order(
    away: Connection, back: Callable[[], Any], shared_memory: Path, capsys: Captured, ending: str
) -> None:
    work(away, 3, ending)
    viewer = back()

    assert main(["resend"]) == 0

    arrived = [(item, pixels) for item, pixels in viewer.arrived if isinstance(item, ImageReady)]
    assert [pixels[0] for _, pixels in arrived] == [1, 2, 3]
    assert [item.address.components.site for item, _ in arrived] == [1, 2, 3]
    assert {(item.address.run, item.address.step.name) for item, _ in arrived} == {("night", "blur")}
    assert capsys.readouterr().out == f"sent 3 images to {ELSEWHERE}:{away.data_port}\n"
    assert list(shared_memory.iterdir()) == []


def test_what_is_too_old_for_others_is_sent_all_the_same(
    away: Connection, back: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hcs_shm, "sweep", partial(hcs_shm.sweep, grace_seconds=0.0))
    work(away, 2)
    viewer = back()

    assert main(["resend"]) == 0

    assert [pixels[0] for pixels in viewer.pixels()] == [1, 2]


def test_a_worker_says_how_many_it_leaves_and_what_sends_them(away: Connection) -> None:
    said = work(away, 3)

    assert f"images not adopted viewer={ELSEWHERE}:{away.data_port} left=3; " in said
    assert "'hcs-stream resend' on this machine sends them" in said


def test_what_cannot_be_sent_stays_left(away: Connection, back: Callable[[], Any], capsys: Captured) -> None:
    work(away, 2)
    viewer = back()
    viewer.releases = False

    assert main(["resend", "--timeout", "0.1"]) == 1
    assert "not all of 2 images" in capsys.readouterr().err
    viewer.releases = True
    assert main(["resend"]) == 0

    assert sorted({pixels[0] for pixels in viewer.pixels()}) == [1, 2]


def test_what_is_left_for_others_is_told_and_left_alone(
    away: Connection, back: Callable[[], Any], capsys: Captured
) -> None:
    work(away, 2)

    assert main(["resend", "--host", "imaging-3"]) == 1
    assert f"there are 2 for {ELSEWHERE}:{away.data_port}" in capsys.readouterr().err
    back()
    assert main(["resend", str(away.data_port), "--host", ELSEWHERE]) == 0


def test_nothing_left_is_told(capsys: Captured) -> None:
    assert main(["resend"]) == 1
    assert capsys.readouterr().err == "hcs-stream: no image is left here\n"
