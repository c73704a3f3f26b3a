"""What an image on a GPU costs: from the device into a block, against the fastest way and the usual one.

The fastest is a copy into memory that CUDA itself has pinned; the usual one is the library's own conversion
to NumPy and a copy into the block. All three are done in turns, with the same array. ``enqueue_us`` is what
the pipeline waits for, ``send_us`` with all that `Stream.send` does besides.

Says on standard error what it has found so far; its last line is JSON. Without a CUDA device, it says so.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lanes.pinned_copies import PinnedCopies, why_no_device
from lanes.places import free_port, own_places
from measures.report import Report

import hcs_stream
from hcs_protocol import LentBlock
from hcs_shm import ArrayWriter, BlockPool

LIBRARIES = "torch", "cupy", "jax"
SIDES = 512, 2048, 4096
PAIRS, QUICK_PAIRS, WARMING = 60, 4, 3
BLOCKS = 4
SENT = 40
BARS = {"x_pinned_limit": 1.15, "x_naive_2048": 0.15, "x_naive_4096": 0.05, "enqueue_us": 40.0}

Pixels = npt.NDArray[np.uint16]


def main() -> None:
    """Measure, and print the line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="try whether everything works")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the line goes as well, as gpu.json")
    options = parser.parse_args()
    pairs = QUICK_PAIRS if options.quick else PAIRS
    report = Report()
    if reason := why_no_device():
        report.skip("gpu", reason)
    with own_places(0) as places:
        os.environ.update(places.environ())
        for library in () if reason else LIBRARIES:
            measure_library(report, library, pairs)
    line = json.dumps({**report.line(), **about_the_device(), "missed": missed(report)})
    if options.out:
        Path(options.out, "gpu.json").write_text(f"{line}\n")
    print(line)


def measure_library(report: Report, library: str, pairs: int) -> None:
    """Measure one library at all sizes, if it is there."""
    try:
        import_module(library)
    except ImportError as error:
        report.skip(library, f"{library} is not installed: {error}")
        return
    for side in SIDES:
        measure(report, library, side, pairs)


def measure(report: Report, library: str, side: int, pairs: int) -> None:
    """Measure one library at one size."""
    plane: Pixels = np.random.default_rng(side).integers(0, 1 << 16, (side, side), np.uint16)
    array, fetch = on_device(library, plane)
    name = f"{library}_{side}"
    limit = PinnedCopies(pointer_of(array), plane.nbytes)
    seconds: dict[str, list[float]] = {"ours": [], "pinned": [], "naive": [], "enqueue": []}
    with blocks_of(plane.nbytes) as blocks:
        writer = ArrayWriter()
        for pair, block in zip(range(-WARMING, pairs), cycle(blocks), strict=False):
            begun = time.perf_counter()
            copy = writer.start(array, block.pixels)
            returned = time.perf_counter()
            assert copy is not None, f"{name}: the device did not copy it"
            copy.wait()
            done = time.perf_counter()
            assert pair % 8 or bytes(block.pixels) == plane.tobytes(), f"{name}: other pixels arrived"
            pinned = timed(limit.copy)
            naive = fetch(np.frombuffer(block.pixels, np.uint16).reshape(plane.shape))
            for what, taken in zip(seconds, (done - begun, pinned, naive, returned - begun), strict=True):
                seconds[what] += [taken] * (pair >= 0)
    limit.close()
    report.compare(f"{name}_x_pinned_limit", seconds["ours"], seconds["pinned"], pairs)
    report.compare(f"{name}_x_naive", seconds["ours"], seconds["naive"], pairs)
    report.count(f"{name}_enqueue_us", round(statistics.median(seconds.pop("enqueue")) * 1e6, 1))
    report.count(f"{name}_send_us", round(send_seconds(array) * 1e6, 1))
    for what, taken_each in seconds.items():
        report.note(f"{name}_{what}", taken_each)
    check_others(library, plane[:512, :512])
    found = {key: round(value, 3) for key, value in report.ratios.items() if key.startswith(name)}
    sys.stderr.write(f"{found} enqueue {report.counts[f'{name}_enqueue_us']} µs\n")


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


def timed(act: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def send_seconds(array: Any) -> float:
    """Return the median of what a pipeline waits for when it sends an array, which nobody takes."""
    seconds = []
    stream = hcs_stream.connect(data_port=free_port(), start=False, wait=False, overflow="drop_oldest")
    try:
        for timepoint in range(SENT):
            begun = time.perf_counter()
            stream.send(array, timepoint=timepoint)
            seconds.append(time.perf_counter() - begun)
            time.sleep(0.002)  # as a pipeline that computes meanwhile
    finally:
        stream.close(0)
    return statistics.median(seconds[3:])


@contextmanager
def blocks_of(nbytes: int) -> Iterator[list[LentBlock]]:
    """Lend a few blocks."""
    pool = BlockPool(budget=2 * BLOCKS * nbytes + (64 << 20))
    try:
        yield [pool.lend(nbytes) for _ in range(BLOCKS)]
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
    """Return which device it was, as far as a library knows."""
    torch: Any = sys.modules.get("torch")
    is_there = torch is not None and torch.cuda.is_available()
    return {"device": torch.cuda.get_device_name() if is_there else "", "date": time.strftime("%Y-%m-%d")}


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
