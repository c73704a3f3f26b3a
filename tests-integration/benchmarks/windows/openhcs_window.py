"""OpenHCS's napari viewer process, watched; runs in an environment of its own."""

import sys

from openhcs.runtime.napari_viewer_server import run_napari_viewer_process
from zmqruntime.config import TransportMode

from .watched import watch_next_window


def main() -> None:
    """Be the process that its `NapariStreamVisualizer` starts."""
    watch_next_window()
    run_napari_viewer_process(int(sys.argv[1]), "OpenHCS", transport_mode=TransportMode.default())


if __name__ == "__main__":
    main()
