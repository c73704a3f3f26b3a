"""What `import hcs_stream` costs a pipeline, against the imports that it makes anyway.

Prints one line of JSON: median ratio of whole interpreter runs, interleaved.
"""

import json
import statistics
import subprocess
import sys
import time

PAIRS = 15


def seconds(code: str) -> float:
    """Return how long an interpreter runs these lines."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure, and print the ratio."""
    seconds("import hcs_stream")  # compiled once before
    pairs = [(seconds("import hcs_stream"), seconds("import numpy, zmq")) for _ in range(PAIRS)]
    ratio = statistics.median(ours / base for ours, base in pairs)
    print(json.dumps({"import_x_numpy_and_zmq": round(ratio, 2), "pairs": PAIRS}))


if __name__ == "__main__":
    main()
