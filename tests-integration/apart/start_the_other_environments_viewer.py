"""Start a viewer of another environment, send it an image, and let a foreign worker send it one more.

Usage: start_the_other_environments_viewer.py VIEWER_COMMAND FOREIGN_PYTHON

Runs in an environment with hcs-stream alone. `nox -s apart` makes all three environments.
"""

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from virtual_screen import a_screen, end_screens, has_screen

import hcs_stream
from hcs_protocol import Components, ViewerNotInstalledError

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PING = """
import sys, zmq, hcs_protocol as hcs
viewer = next(c for _, c in hcs.find_connections(hcs.runtime_folders()) if c.data_port == int(sys.argv[1]))
socket = zmq.Context().socket(zmq.REQ)
socket.curve_serverkey = viewer.public_key.encode()
socket.curve_publickey = viewer.client_public_key.encode()
socket.curve_secretkey = viewer.client_secret_key.encode()
socket.connect(f"tcp://{viewer.host}:{viewer.control_port}")
socket.send(b'{"type": "Ping", "id": "1"}')
print(socket.recv().decode())
"""


def main(viewer_command: str, foreign_python: str) -> None:
    """Go through the story; an assertion that fails ends it."""
    data_port = random.randrange(20_000, 30_000)
    check_without_viewer(data_port)
    if not has_screen():
        a_screen()
    check_with_viewer(data_port, viewer_command, foreign_python)


def check_without_viewer(data_port: int) -> None:
    """Without any viewer the error says what to install."""
    said = ""
    try:
        hcs_stream.connect(data_port=data_port)
    except ViewerNotInstalledError as error:
        said = str(error)
    assert "pip install hcs-viewer" in said, said
    print(f"ok: {said}")


def check_with_viewer(data_port: int, viewer_command: str, foreign_python: str) -> None:
    """The other environment's viewer shows our image, a stranger's, and answers a plain REQ."""
    image = np.arange(64 * 48, dtype="uint16").reshape(64, 48)
    with hcs_stream.connect(data_port=data_port, viewer_command=viewer_command, persistent=False) as stream:
        stream.send(image, well="A01", channel="GFP", step=(1, "apart"))
        stream.flush()
        viewer = hcs_stream.find_viewer(data_port)
        assert viewer is not None
        assert np.array_equal(viewer.image("Step_01_apart_Channel_GFP"), image)
        print("ok: the other environment's viewer shows the image")
        worker = [foreign_python, str(EXAMPLES / "foreign_worker.py"), str(data_port)]
        said = subprocess.run(worker, check=True, capture_output=True, text=True, timeout=60).stdout
        assert said.splitlines()[-1] == "shown", said
        assert "Channel_DAPI" in [layer.name for layer in viewer.state().layers]
        assert viewer.image("Channel_DAPI", Components(well="B03"))[255, 255] == 510
        print("ok: a foreign worker's image is shown")
        ping = [foreign_python, "-c", PING, str(data_port)]
        pong = subprocess.run(ping, check=True, capture_output=True, text=True, timeout=60).stdout
        assert '"type":"Pong"' in pong, pong
        print("ok: ten lines of plain REQ get a pong")
        assert viewer.stop() == "closed"
    viewer = hcs_stream.start_viewer(data_port, viewer_command=viewer_command, persistent=False)
    assert "listening data=" in viewer.log()
    viewer.kill()
    end_screens()
    assert hcs_stream.viewers() == []
    print("ok: the other environment's viewer is closed, started again and killed")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="hcs-apart-") as folder:
        os.environ |= dict.fromkeys(("HCS_RUNTIME_DIR", "XDG_RUNTIME_DIR", "HCS_SPILL_DIR"), folder)
        main(*sys.argv[1:])
