"""How long `start_viewer(async_mode=True)` keeps its caller, against how long the viewer needs to be ready.

Prints one line of JSON: the medians' ratio, and seconds of both. Wants a display.
"""

import json
import random
import statistics
import time

import hcs_stream

STARTS = 5


def measure() -> tuple[float, float]:
    """Return the seconds until the call returned, and until the viewer was ready."""
    data_port = random.randrange(20_000, 30_000)
    visualizer = hcs_stream.NapariStreamVisualizer(None, None, napari_port=data_port, persistent=False)
    started = time.perf_counter()
    visualizer.start_viewer(async_mode=True)
    returned = time.perf_counter() - started
    visualizer.wait_until_ready(timeout=60)
    ready = time.perf_counter() - started
    visualizer.stop_viewer()
    return returned, ready


def main() -> None:
    """Measure, and print the ratio."""
    pairs = [measure() for _ in range(STARTS)]
    returned, ready = (statistics.median(times) for times in zip(*pairs, strict=True))
    result = {"start_x_ready": round(returned / ready, 4), "start_seconds": round(returned, 4)}
    print(json.dumps(result | {"ready_seconds": round(ready, 2), "starts": STARTS}))


if __name__ == "__main__":
    main()
