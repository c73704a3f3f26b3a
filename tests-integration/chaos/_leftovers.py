"""Segments that nobody owns: of a process that died with blocks lent, then broken; and files that are none.

As a program: lend blocks, publish nothing, and die.
"""

import contextlib
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from hcs_shm import BlockPool

from ._places import Places

HEADER_NBYTES = 256
TABLE_OFFSET = 12288
RECORDS_NBYTES = 8192
SEGMENTS = 3


def litter(folder: Path, chance: random.Random, places: Places) -> set[str]:
    """Put all kinds of leftovers into a folder; returns the names of those that cannot be read any more."""
    making = places.root / "making"
    making.mkdir(mode=0o700, exist_ok=True)
    spoiled = [junk(making, chance, nbytes) for nbytes in (0, 100, 20_000)]
    broken, short, owes_nothing = leave_dead_segments(making, places)
    break_header(broken, chance)
    cut_short(short, chance)
    break_records(owes_nothing, chance)
    for path in (*spoiled, broken, short, owes_nothing):
        with contextlib.suppress(OSError):  # the device may be full
            _move(path, folder)
    return {path.name for path in (*spoiled, broken, short)}


def _move(path: Path, folder: Path) -> None:
    """Let a file appear in a folder, of another device perhaps, at once and whole."""
    beside = folder / f".{path.name}"
    try:
        shutil.move(path, beside)
        beside.rename(folder / path.name)
    finally:
        beside.unlink(missing_ok=True)


def junk(folder: Path, chance: random.Random, nbytes: int) -> Path:
    """Write a file of random bytes with the name of a segment."""
    path = folder / f"hcs-{os.getpid()}-{secrets.token_hex(4)}"
    path.touch(mode=0o600)
    path.write_bytes(chance.randbytes(nbytes))
    return path


def break_header(path: Path, chance: random.Random) -> None:
    """Write random bytes over some of the header, its first byte included."""
    with path.open("r+b") as file:
        file.write(bytes([chance.randrange(1, 255)]))
        for _ in range(8):
            file.seek(chance.randrange(HEADER_NBYTES))
            file.write(chance.randbytes(4))


def break_records(path: Path, chance: random.Random) -> None:
    """Write random bytes over the slot table."""
    with path.open("r+b") as file:
        file.seek(TABLE_OFFSET)
        file.write(chance.randbytes(RECORDS_NBYTES))


def cut_short(path: Path, chance: random.Random) -> None:
    """Cut the file off somewhere."""
    os.truncate(path, chance.randrange(path.stat().st_size))


def leave_dead_segments(folder: Path, places: Places) -> list[Path]:
    """Let a process lend blocks in a folder and die; returns its segments, three of them."""
    command = [sys.executable, "-m", "chaos._leftovers", str(folder)]
    environment = places.environment(runtime=places.viewers)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done
    return list(map(Path, done.stdout.split()))


def main(folder: Path) -> None:
    """Lend blocks that hold no image, say which files they are in, and die."""
    pools = [BlockPool(folder=folder) for _ in range(SEGMENTS)]
    for pool in pools:
        block = pool.lend(1 << 16)
        block.pixels[:] = secrets.token_bytes(len(block.pixels))
        print(folder / pool.offer.name, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
