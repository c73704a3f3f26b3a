"""How long `open_plate` takes over a folder of 100 000 images, against `os.scandir` over the same folder.

Files are empty: names are all that is read. Prints one line of JSON: ``parse_100k_x_scandir`` is the largest
of the makers' medians, whose repetitions are interleaved with those of the listing; ``iterated_x_scandir``
is the same with every image made, which `open_plate` leaves until they are asked for.
"""

import argparse
import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice, product
from pathlib import Path

from hcs_stream.microscopes import Plate, open_plate

IMAGES = 100_000
REPETITIONS = 7
NAMES = {
    "CellVoyager": "AssayPlate_Corning_3830_{well}_T0001F{site:03d}L01A01Z{z:02d}C{channel:02d}.tif",
    "ImageXpress": "Projection-Mix_{well}_s{z}_w{site}{channel}045200D6-DAE1-4224-AFDE-9EFD107D85EB.tif",
    "Opera Phenix": "r{row:02d}c{column:02d}f{site:02d}p{z:02d}-ch{channel}sk1fk1fl1.tiff",
}


def measure(folder: Path, *, quick: bool = False) -> dict[str, object]:
    """Make the folders below a folder, measure, and return what was found."""
    count, repetitions = (IMAGES // 50, 3) if quick else (IMAGES, REPETITIONS)
    ratios: dict[str, float] = {}
    iterated: dict[str, float] = {}
    for maker, template in NAMES.items():
        plate = make_folder(folder / maker, template, count)
        check(open_plate(plate), maker, count)
        runs = [
            (seconds(scan, plate), seconds(open_plate, plate), seconds(iterate, plate))
            for _ in range(repetitions)
        ]
        ratios[maker] = round(statistics.median(opened / listed for listed, opened, _ in runs), 2)
        iterated[maker] = round(statistics.median(made / listed for listed, _, made in runs), 2)
    return {
        "parse_100k_x_scandir": max(ratios.values()),
        "iterated_x_scandir": max(iterated.values()),
        "by_maker": ratios,
        "images": count,
        "repetitions": repetitions,
    }


def make_folder(folder: Path, template: str, count: int) -> Path:
    """Make empty files with a maker's names."""
    folder.mkdir(parents=True)
    for name in islice(names(template), count):
        (folder / name).touch()
    return folder


def names(template: str) -> Iterator[str]:
    """Yield names of a plate of 384 wells."""
    parts = range(1, 17), range(1, 25), range(1, 14), range(1, 6), range(1, 6)
    for row, column, site, channel, z in product(*parts):
        well = f"{'ABCDEFGHIJKLMNOP'[row - 1]}{column:02d}"
        yield template.format(row=row, column=column, well=well, site=site, channel=channel, z=z)


def check(plate: Plate, maker: str, count: int) -> None:
    assert (plate.maker, len(plate.images)) == (maker, count)


def scan(folder: Path) -> None:
    """List a folder and no more."""
    with os.scandir(folder) as entries:
        for _ in entries:
            pass


def iterate(folder: Path) -> None:
    """Open a plate and make every image."""
    for _ in open_plate(folder).images:
        pass


def seconds(work: Callable[[Path], object], folder: Path) -> float:
    """Return how long some work takes, without the waste of the work before it."""
    gc.collect()
    started = time.perf_counter()
    work(folder)
    return time.perf_counter() - started


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few images, for tests: the numbers mean little")
    parser.add_argument("--out", type=Path, help="where the folders are made, a temporary folder by default")
    options = parser.parse_args()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out) as folder:
        print(json.dumps(measure(Path(folder), quick=options.quick)))


if __name__ == "__main__":
    main()
