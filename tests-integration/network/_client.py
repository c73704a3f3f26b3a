"""Ask a viewer, on its own machine, and wait until it shows all that it adopted; prints one line of JSON."""

import sys
import time

import msgspec

import hcs_stream
from hcs_protocol import ViewerRequestError

from ._scene import LOOK_SECONDS, PATIENCE_SECONDS, Shown


def main(host: str, port: str) -> None:
    """Print what it counted and shows."""
    viewer = hcs_stream.find_viewer(int(port), host=host)
    assert viewer is not None, "there is no connection file"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (counters := viewer.ping().counters).shown < counters.adopted and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    shown = Shown(
        adopted=counters.adopted,
        shown=counters.shown,
        duplicates=counters.duplicates,
        refused=counters.refused,
        in_layers=_in_layers(viewer),
    )
    sys.stdout.write(f"{msgspec.json.encode(shown).decode()}\n")


def _in_layers(viewer: hcs_stream.Viewer) -> int:
    try:
        return sum(layer.images for layer in viewer.state().layers)
    except ViewerRequestError:  # it has no window
        return 0


if __name__ == "__main__":
    main(*sys.argv[1:])
