"""A napari that its user started by hand listens when told to, and shows what another process sends."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

import hcs_stream
from hcs_protocol import State

pytestmark = pytest.mark.long

CLICKS = Path(__file__).with_name("apart") / "click_in_napari.py"
PATIENCE_SECONDS = 50

SEND = """
import sys
import numpy as np
import hcs_stream

with hcs_stream.connect(data_port=int(sys.argv[1]), run="by hand") as stream:
    stream.send(np.full((32, 32), 7, "uint8"), well=sys.argv[2], channel="DAPI")
    stream.flush(timeout=30)
print(stream.counters.adopted)
"""

Python = Callable[..., CompletedProcess[str]]
WaitUntil = Callable[[hcs_stream.Viewer, Callable[[State], bool]], State]


class Napari:
    """A napari process, and the hand of its user."""

    def __init__(self, data_port: int, config: Path) -> None:
        environment = os.environ | {"HCS_DATA_PORT": str(data_port), "NAPARI_CONFIG": str(config)}
        self.data_port = data_port
        self.process = subprocess.Popen(
            [sys.executable, "-m", "napari", str(CLICKS)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._killer = threading.Timer(PATIENCE_SECONDS, self.process.kill)
        self._killer.start()
        self.reads("started")

    def clicks(self, words: str) -> None:
        """Click on the menu item that begins with these words."""
        assert self.process.stdin
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()

    def reads(self, words: str) -> str:
        """Wait for a line with these words."""
        assert self.process.stdout
        for line in self.process.stdout:
            if words in line:
                return line
        raise AssertionError(f"napari ended without {words!r}")

    def viewer(self) -> hcs_stream.Viewer | None:
        """Find it as a pipeline does."""
        return hcs_stream.find_viewer(self.data_port)

    def end(self) -> None:
        """End it if need be."""
        self.process.kill()
        self.process.communicate()
        self._killer.cancel()
        self._killer.join()


@pytest.fixture
def own_napari(data_port: int, tmp_path: Path) -> Iterator[Napari]:
    napari = Napari(data_port, tmp_path / "settings.yaml")
    yield napari
    napari.end()


def test_it_listens_shows_what_is_sent_and_leaves_nothing_when_it_is_closed(
    own_napari: Napari, python: Python, wait_until: WaitUntil
) -> None:
    own_napari.clicks("Listen for hcs streams")
    assert f"port {own_napari.data_port}." in own_napari.reads("layers")
    viewer = own_napari.viewer()
    assert viewer is not None

    assert python(SEND, own_napari.data_port, "A01").stdout == "1\n"
    state = wait_until(viewer, lambda state: bool(state.layers))
    assert state.layers[0].name == "Channel_DAPI"
    assert int(viewer.image("Channel_DAPI").max()) == 7

    own_napari.clicks("close")
    assert own_napari.process.wait(PATIENCE_SECONDS) == 0
    assert own_napari.viewer() is None
    assert not viewer.path.exists()


def test_a_worker_notices_that_it_is_closed(own_napari: Napari, caplog: pytest.LogCaptureFixture) -> None:
    own_napari.clicks("Listen for hcs streams")
    own_napari.reads("layers")

    with hcs_stream.connect(data_port=own_napari.data_port) as stream:
        stream.send(np.ones((8, 8)), well="A01")
        stream.flush(timeout=30)
        own_napari.clicks("close")
        own_napari.process.wait(PATIENCE_SECONDS)
        while "viewer lost" not in caplog.text:
            threading.Event().wait(0.01)

    assert own_napari.viewer() is None


def test_images_wait_while_it_does_not_listen(own_napari: Napari, wait_until: WaitUntil) -> None:
    own_napari.clicks("Listen for hcs streams")
    own_napari.reads("layers")

    with hcs_stream.connect(data_port=own_napari.data_port) as stream:
        stream.send(np.ones((8, 8)), well="A01")
        stream.flush(timeout=30)
        own_napari.clicks("Stop listening")
        own_napari.reads("1 layers")
        stream.send(np.ones((8, 8)), well="A02")
        own_napari.clicks("Listen for hcs streams")
        own_napari.reads("1 layers")
        stream.flush(timeout=30)
        viewer = own_napari.viewer()
        assert viewer is not None

        wait_until(viewer, lambda state: [layer.images for layer in state.layers] == [2])


def test_it_stops_for_a_pipeline_that_ends_its_viewer_and_stays_open(own_napari: Napari) -> None:
    own_napari.clicks("Listen for hcs streams")
    own_napari.reads("layers")
    viewer = own_napari.viewer()
    assert viewer is not None

    viewer.stop()

    assert own_napari.viewer() is None
    own_napari.clicks("Listen for hcs streams")
    assert "Listening for hcs streams on port" in own_napari.reads("layers")
    assert own_napari.process.poll() is None


def test_its_menus_offer_the_docks_and_the_sample_plate(own_napari: Napari) -> None:
    own_napari.clicks("Status")
    own_napari.reads("0 layers")

    own_napari.clicks("hcs sample plate")

    own_napari.reads("2 layers")
