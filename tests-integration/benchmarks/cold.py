"""How many cache lines one call reads that finds none of them in the cache: what it costs amid a pipeline.

A pipeline that works on images of megabytes leaves nothing of ours in the caches. A publish that takes 15 µs
when it follows another then takes ten times as long, nearly all of it waiting for memory: what counts is not
how much it does but how much it touches. That can be counted: Valgrind's Callgrind runs a worker on a
simulated cache of 1 MB, and says how many lines of code and of data the call had to fetch. The numbers do not
depend on what else the machine does. The same call differs by a few lines from run to run.

``lent`` is `Stream.send` of an array that the pool lent, to a real viewer; ``bare`` sends the same header by
ZeroMQ alone. What the counting costs is taken off both. ``--keep`` leaves Callgrind's files, of which
``callgrind_annotate --show=ILmr,DLmr,DLmw --sort=ILmr,DLmr FILE`` says which function fetched how much.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from lanes.children import LANES, start
from lanes.places import Places, free_port, own_places

CACHE = "1048576,16,64"
"""Bytes, ways and bytes of a line of the last cache that is simulated: a core's own, of 2022."""
MISSES = ("ILmr", "DLmr", "DLmw")
"""Callgrind's names for what is not in it: code, data to read, data to write."""
CALLS = ("nothing", "bare", "lent")


def main() -> None:
    """Count, and print the line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where Callgrind's files go")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print(json.dumps({"skipped": "valgrind is not installed: apt-get install valgrind"}))
        return
    with tempfile.TemporaryDirectory() as temporary, own_places(1 << 24) as places, ExitStack() as children:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        counted = {call: count_lines(call, places, children, folder) for call in CALLS}
    print(json.dumps(result(counted)))


def result(counted: dict[str, int]) -> dict[str, object]:
    """Return what belongs into the line, given the lines of each call."""
    if not counted["nothing"]:
        return {"skipped": "this interpreter's symbols are stripped: Callgrind finds no function in it"}
    lent, bare = (counted[call] - counted["nothing"] for call in ("lent", "bare"))
    return {"cold_lent_lines": lent, "cold_bare_lines": bare, "cold_lent_x_bare": round(lent / bare, 2)}


def count_lines(call: str, places: Places, children: ExitStack, folder: Path) -> int:
    """Return how many lines a call fetches."""
    data_port, bare_port, found = free_port(), free_port(), folder / f"callgrind.{call}"
    viewer = start(
        children, "our_viewer", data_port, "secured", log=places.log, environ=places.environ("256kb")
    )
    start(children, "bare_headers", bare_port, "open", log=places.log)
    viewer.wait_until_ready()
    command = [
        "valgrind",
        "--tool=callgrind",
        "--collect-atstart=no",
        "--toggle-collect=functools_reduce",
        "--cache-sim=yes",
        f"--LL={CACHE}",
        f"--callgrind-out-file={found}",
        *(sys.executable, "-P", "-m", "lanes.cold_call", call, str(data_port), str(bare_port)),
    ]
    environ = {**places.environ("256kb"), "PYTHONPATH": str(LANES)}
    with places.log.open("ab") as log:
        subprocess.run(command, check=True, env=environ, stdout=log, stderr=log)
    return misses(found.read_text())


def misses(profile: str) -> int:
    """Return how many lines were fetched, given what Callgrind wrote."""
    lines = [line.partition(":") for line in profile.splitlines()]
    said = {name: words.split() for name, _, words in lines if name in {"events", "totals"}}
    counts = dict(zip(said["events"], map(int, said["totals"]), strict=False))
    return sum(counts.get(name, 0) for name in MISSES)


if __name__ == "__main__":
    main()
