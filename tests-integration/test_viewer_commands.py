"""A viewer is started through any command; what is asked and ended later is the viewer itself."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

import hcs_stream
from hcs_protocol import ViewerStartError, read_connection

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform == "win32", reason="the commands are those of a POSIX shell"),
]

INSIDE = '"$0" -m hcs_viewer "$@"; exit $?'
BEHIND = '"$0" -m hcs_viewer "$@" & exit 0'
AS_CONDA = """
import subprocess, sys
sys.exit(subprocess.call([sys.executable, "-m", "hcs_viewer", *sys.argv[1:]]))
"""


def shell(script: str) -> str:
    """Return the command that runs a script of the shell."""
    return shlex.join(["sh", "-c", script, sys.executable])


def end_by_force(viewer: hcs_stream.Viewer) -> None:
    """Kill it."""
    viewer.kill()


def end_in_order(viewer: hcs_stream.Viewer) -> None:
    """Ask it to close."""
    assert viewer.stop(timeout=40) == "closed"


@pytest.mark.parametrize(
    ("command", "end"),
    [
        (shell(INSIDE), end_by_force),
        (shell(BEHIND), end_in_order),
        (shlex.join([sys.executable, "-c", AS_CONDA]), end_in_order),
        (str(Path(sys.executable).with_name("hcs-viewer")), end_in_order),
    ],
    ids=["a shell", "a shell that ends", "as conda does", "a script"],
)
def test_the_viewer_is_ended_and_so_is_what_it_was_started_through(
    data_port: int, command: str, end: Callable[[hcs_stream.Viewer], None]
) -> None:
    before = psutil.Process().children()
    viewer = hcs_stream.start_viewer(data_port, viewer_command=command, timeout=120)
    started_through = [child for child in psutil.Process().children() if child not in before]
    with hcs_stream.connect(data_port=data_port) as stream:
        stream.send(np.full((8, 8), 7, "uint8"))
        stream.flush()
    assert viewer.image("Image").max() == 7
    assert "listening data=" in viewer.log()

    end(viewer)

    assert not psutil.pid_exists(viewer.connection.pid) or not viewer.is_alive
    psutil.wait_procs(started_through, timeout=40)
    assert not viewer.path.exists()


def test_why_it_did_not_start_is_heard_from_behind_a_command(
    data_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":65432")

    if sys.platform.startswith("linux"):
        with pytest.raises(ViewerStartError, match=r"exit code 4; .*\n.*nothing answers at DISPLAY=:65432"):
            hcs_stream.start_viewer(data_port, viewer_command=shell(INSIDE))


def test_a_viewer_whose_file_is_elsewhere_is_named_with_what_to_do(data_port: int, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    as_ssh = ["env", f"HCS_RUNTIME_DIR={elsewhere}", sys.executable, "-m", "hcs_viewer"]

    with pytest.raises(ViewerStartError, match=r"none of .* has its connection file; .* copy that to here"):
        hcs_stream.start_viewer(data_port, viewer_command=as_ssh, timeout=20)

    path = next(elsewhere.glob("viewer-*.json"))
    hcs_stream.Viewer(read_connection(path), path).kill()
