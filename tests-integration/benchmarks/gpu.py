"""What an image on a GPU costs: from the device into a block, against the fastest way and the usual one.

The fastest is a copy into memory that CUDA itself has pinned: it and ours are timed one after the other, by
turns the one and the other first, as often on each CPU, some of which are half as fast where others use the
machine. The usual one is the library's own conversion to NumPy and a copy into the block. ``enqueue_us`` is
what the pipeline waits for, ``enqueue_cold_us`` the same right after the usual way, which leaves nothing else
in the caches. ``send_us`` and ``send_cold_us`` are all that `Stream.send` takes, to a viewer that takes each
image: right after another one, and after a pause of 2 ms.

Each library has a process of its own: one that fails, hangs or spoils the device costs the others nothing.
The last line is JSON, and each line before it has what was found so far. Without a CUDA device, it says so.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lanes.arrivals import WARMING, Arrivals, on_all_cpus, timed
from lanes.children import start
from lanes.pinned_copies import PinnedCopies, device_name, why_no_device
from lanes.places import free_port, own_places
from measures.report import Report

import hcs_stream
from hcs_protocol import LentBlock, PoolFullError
from hcs_shm import ArrayWriter, BlockPool

LIBRARIES = "torch", "cupy", "jax"
SIDES = 512, 2048, 4096
PAIRS, QUICK_PAIRS = 96, 4
BLOCKS = 4
SENDS, QUICK_SENDS = 100, 5
AT_ONCE = 4
GAP_SECONDS = 0.002
LONGEST_SECONDS = 90.0
"""For one library."""
BARS = {"x_pinned_limit": 1.15, "x_naive_2048": 0.15, "x_naive_4096": 0.05, "enqueue_us": 40.0}

Pixels = npt.NDArray[np.uint16]
Line = dict[str, Any]
"""What a line of JSON says."""


def main() -> None:
    """Measure, and print the line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="try whether everything works")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the line goes as well, as gpu.json")
    parser.add_argument("--library", choices=LIBRARIES, help="measure one, in this process")
    options = parser.parse_args()
    found: Line = {}
    if options.library:
        for found in lines_of(options.library, QUICK_PAIRS if options.quick else PAIRS):
            print(json.dumps(found), flush=True)
        return
    report = Report()
    if reason := why_no_device():
        report.skip("gpu", reason)
    merge(found, {**report.line(), "missed": [], **about_the_device()})
    for library in () if reason else LIBRARIES:
        merge(found, ask(library, quick=options.quick))
        print(json.dumps(found), flush=True)
        save(found, options.out)
    save(found, options.out)
    print(json.dumps(found))


def save(found: Line, folder: Path | None) -> None:
    """Write what was found so far where it was wanted."""
    if folder is not None:
        Path(folder, "gpu.json").write_text(f"{json.dumps(found)}\n")


def ask(library: str, *, quick: bool) -> Line:
    """Have a process measure one library; returns the last that it said, and why there is no more."""
    command = [sys.executable, __file__, "--library", library, *(["--quick"] if quick else [])]
    found: Line = {"skipped": {library: f"nothing within {LONGEST_SECONDS:g} s"}}
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=LONGEST_SECONDS, check=False
        )
        said, reason = done.stdout, f"the process ended with {done.returncode}" if done.returncode else ""
    except subprocess.TimeoutExpired as ended:
        said, reason = _text(ended.stdout), f"not done within {LONGEST_SECONDS:g} s"
    for line in said.splitlines():
        with suppress(ValueError):  # it may be torn, or a library's own
            found = dict(json.loads(line))
    if reason:
        merge(found, {"skipped": {library: reason}})
    return found


def _text(said: str | bytes | None) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def merge(found: Line, more: Line) -> None:
    """Add what was found of one more library."""
    for key, value in more.items():
        if isinstance(value, dict):
            found.setdefault(key, {}).update(value)
        elif isinstance(value, list):
            found.setdefault(key, []).extend(value)
        elif key in {"pairs", "images"} and found.get(key):
            found[key] = min(found[key], value or found[key])
        else:
            found[key] = value


def lines_of(library: str, pairs: int) -> Iterator[Line]:
    """Measure one library; yields all that was found whenever there is more."""
    report = Report()
    try:
        import_module(library)
    except (
        Exception
    ) as error:  # one of CUDA's libraries may be missing or too old, and each says it its own way
        report.skip(library, f"{library} cannot be imported: {type(error).__name__}: {error}")
        yield {**report.line(), "missed": []}
        return
    with own_places(0) as places, ExitStack() as children:
        os.environ.update(places.environ())
        port = free_port()
        start(children, "forgetful_viewer", port, "secured", log=places.log).wait_until_ready()
        for side in SIDES:
            try:
                measure(report, library, side, pairs, port)
            except Exception as error:  # the other sizes may do
                traceback.print_exc()
                report.skip(f"{library}_{side}", f"{type(error).__name__}: {error}")
            yield {**report.line(), "missed": missed(report)}


def measure(report: Report, library: str, side: int, pairs: int, port: int) -> None:
    """Measure one library at one size; the viewer on this port takes what is sent."""
    plane: Pixels = np.random.default_rng(side).integers(0, 1 << 16, (side, side), np.uint16)
    array, fetch = on_device(library, plane)
    name = f"{library}_{side}"
    limit = PinnedCopies(pointer_of(array), plane.nbytes)
    with blocks_of(plane.nbytes) as blocks:
        arrive = Arrivals(array, plane, blocks)
        arrive.check(name)
        in_turn = on_all_cpus(arrive.once, limit.copy, pairs)
        usual = [(fetch(arrive.target), arrive.once()) for _ in range(-WARMING, len(in_turn))][WARMING:]
        arrive.check(name)
        if arrive.is_in_pieces:  # hcs_shm has said why on standard error
            report.words[f"{name}_way"] = "in pieces: the memory is not pinned"
    limit.close()
    ours = [done for (_, done), _ in in_turn]
    pinned, naive = [seconds for _, seconds in in_turn], [seconds for seconds, _ in usual]
    report.compare(f"{name}_x_pinned_limit", ours, pinned, len(ours))
    report.compare(f"{name}_x_naive", ours, naive, len(ours))
    report.count(f"{name}_enqueue_us", median_us([returned for (returned, _), _ in in_turn]))
    report.count(f"{name}_enqueue_cold_us", median_us([returned for _, (returned, _) in usual]))
    for what, seconds in {"ours": ours, "pinned": pinned, "naive": naive}.items():
        report.note(f"{name}_{what}", seconds)
    found = {key: round(value, 3) for key, value in report.ratios.items() if key.startswith(name)}
    sys.stderr.write(f"{found} enqueue {report.counts[f'{name}_enqueue_us']} µs\n")
    paused, at_once = send_seconds(array, port, SENDS if pairs > QUICK_PAIRS else QUICK_SENDS)
    report.count(f"{name}_send_us", median_us(at_once))
    report.count(f"{name}_send_cold_us", median_us(paused))
    check_others(library, plane[:512, :512])


def on_device(library: str, plane: Pixels) -> tuple[Any, Callable[[Pixels], float]]:
    """Return an array on the device, and what fetches it in the usual way and says how long that took."""
    found: Any = import_module(library)
    if library == "torch":
        array = found.from_numpy(plane).cuda()
        return array, lambda target: timed(lambda: np.copyto(target, array.cpu().numpy()))
    if library == "cupy":
        array = found.asarray(plane)
        return array, lambda target: timed(lambda: np.copyto(target, found.asnumpy(array)))
    array = found.device_put(plane, found.devices("gpu")[0])

    def fetch(target: Pixels) -> float:
        fresh = (array + 0).block_until_ready()  # JAX keeps what it fetched once
        return timed(lambda: np.copyto(target, np.asarray(fresh)))

    return array, fetch


def pointer_of(array: Any) -> int:
    """Return where on the device an array lies."""
    pointer: int = array.__cuda_array_interface__["data"][0]
    return pointer


def median_us(seconds: list[float]) -> float:
    """Return the median in microseconds."""
    return round(statistics.median(seconds) * 1e6, 1)


def send_seconds(array: Any, port: int, count: int) -> tuple[list[float], list[float]]:
    """Return what a pipeline waits for each time when it sends an array to the viewer on this port.

    Returns:
        After a pause; and right after another one was sent.
    """
    paused: list[float] = []
    at_once: list[float] = []
    with hcs_stream.connect(data_port=port, start=False) as stream:
        for turn in range(-WARMING, count):
            for taken in (paused, *[at_once] * (AT_ONCE - 1)):
                begun = time.perf_counter()
                stream.send(array, timepoint=turn)
                taken.append(time.perf_counter() - begun)
            stream.flush()
            time.sleep(GAP_SECONDS)  # as a pipeline that computes meanwhile
    return paused[WARMING:], at_once[WARMING * (AT_ONCE - 1) :]


@contextmanager
def blocks_of(nbytes: int) -> Iterator[list[LentBlock]]:
    """Lend a few blocks, where shared memory is small perhaps only one."""
    pool = BlockPool(budget=2 * BLOCKS * nbytes + (64 << 20))
    try:
        blocks = [pool.lend(nbytes)]
        with suppress(PoolFullError):
            while len(blocks) < BLOCKS:
                blocks.append(pool.lend(nbytes))
        yield blocks
    finally:
        pool.close()


def check_others(library: str, plane: Pixels) -> None:
    """Fail if a view or bfloat16 does not arrive bit for bit."""
    array, _ = on_device(library, plane)
    found: Any = import_module(library)
    others = {"transposed": (array.T, plane.T), "window": (array[3:77, 5:99], plane[3:77, 5:99])}
    if library == "torch":
        half = array.float().to(found.bfloat16)
        others["bfloat16"] = half, half.float().cpu().numpy()
    elif library == "jax":
        half = array.astype("bfloat16")
        others["bfloat16"] = half, np.asarray(half).astype("float32")
    for what, (seen, expected) in others.items():
        with blocks_of(expected.nbytes) as (block, *_):
            ArrayWriter().write(seen, block.pixels)
            assert bytes(block.pixels) == expected.tobytes(), f"{library}, {what}: other pixels arrived"


def about_the_device() -> dict[str, str]:
    """Return which device it is."""
    return {"device": device_name(), "date": time.strftime("%Y-%m-%d")}


def missed(report: Report) -> list[str]:
    """Return the keys that are beyond their bars; the smallest images have none but for enqueuing."""
    found = {**report.ratios, **report.counts}
    large = [key for key in found if f"_{SIDES[0]}_" not in key]
    beyond = [key for key in large if key.endswith("pinned_limit") and found[key] > BARS["x_pinned_limit"]]
    for side in SIDES[1:]:
        named = [key for key in large if key.endswith(f"_{side}_x_naive")]
        beyond += [key for key in named if found[key] > BARS[f"x_naive_{side}"]]
    return beyond + [key for key in found if key.endswith("enqueue_us") and found[key] > BARS["enqueue_us"]]


if __name__ == "__main__":
    main()
