"""List the segments that hcs workers of this user have in memory and on disk, and remove leftovers.

One line each: its name, size and place, how many blocks of it are lent, and whether its owner still lives.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from ._sweep import FoundSegment, list_segments, sweep


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m hcs_shm``."""
    parser = argparse.ArgumentParser(
        prog="python -m hcs_shm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--clean",
        action="store_true",
        help="remove the segments whose owner is gone, even if a viewer might still want their images",
    )
    is_clean = parser.parse_args(arguments).clean
    found = sweep(grace_seconds=0.0) if is_clean else list_segments()
    words = ("removed", "removed") if is_clean else ("owner alive", "owner gone    (remove with --clean)")
    try:
        _print(found, *words)
        sys.stdout.flush()
    except BrokenPipeError:  # as by "| head": who read it has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _print(segments: Sequence[FoundSegment], alive: str, gone: str) -> None:
    width = max((len(segment.name) for segment in segments), default=0)
    for segment in segments:
        size = f"{segment.nbytes / (1 << 20):.{0 if segment.nbytes >= 10 << 20 else 1}f} MiB"
        owner = alive if segment.owner_alive else gone
        print(f"{segment.name:{width}}  {size:>8}  {segment.kind:7}  {segment.lent:>4} blocks lent  {owner}")


if __name__ == "__main__":
    sys.exit(main())
