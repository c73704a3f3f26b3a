"""Send viewers whatever a peer with their key, or a stranger without it, might say; they live on.

Three viewers come one after another: one without a window, one that lets everybody in, one with its window.
Both ports get golden messages with mistakes in them, what Hypothesis makes, bytes that are changed after they
were encrypted, broken greetings and half handshakes. What does harm is kept in a folder as a file.

The last line is one line of JSON. Exit status: 0 all lived and nothing was unhandled, 1 something is wrong.

Examples:
  nox -s fuzz -- --minutes 5            the long run
  nox -s fuzz -- --minutes 0.5 --seed 8
"""

import argparse
import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path

from pyvirtualdisplay.display import Display

from .corpus import FOLDER
from .round import Rounds
from .target import Places, running_viewer

LEAST_PER_MINUTE = 100_000
GROWTH_MB = 200.0
"""A viewer that grows by more, once it is warm, remembers what it was sent."""
PARTS: tuple[tuple[str, float], ...] = (("plain", 0.55), ("insecure", 0.2), ("window", 0.25))
"""Of the time, for each viewer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return the exit status."""
    given = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    parts = [(name, part) for name, part in PARTS if name in given.viewers]
    whole = sum(part for _, part in parts)
    started = time.monotonic()
    done = [
        _run(name, 60 * given.minutes * part / whole, given.seed + number, given.keep)
        for number, (name, part) in enumerate(parts)
    ]
    report = summary(done) | {
        "seed": given.seed,
        "seconds": round(time.monotonic() - started),
        "skipped": len(PARTS) - len(parts),
    }
    print(json.dumps(report))
    is_good = report["alive"] and not report["unhandled"] and not report["grew_too_much"]
    return 0 if is_good else 1


def summary(done: Iterable[Rounds]) -> dict[str, object]:
    """Return what all viewers together come to."""
    done = list(done)
    return {
        "inputs": sum(rounds.inputs.total() for rounds in done),
        "inputs_by_kind": sum((rounds.inputs for rounds in done), Counter()),
        "adopted": sum(rounds.counters.adopted for rounds in done),
        "refused": sum(rounds.counters.refused + rounds.counters.malformed for rounds in done),
        "unhandled": sum(len(rounds.unhandled) for rounds in done),
        "alive": all(rounds.is_alive for rounds in done),
        "rss_growth_mb": max((rounds.growth_mb for rounds in done), default=0.0),
        "rss_growth_mb_limit": GROWTH_MB,
        "grew_too_much": any(rounds.growth_mb > GROWTH_MB for rounds in done),
        "rss_mb_max": max((rounds.most_mb for rounds in done), default=0.0),
        "kept": [str(path) for rounds in done for path in rounds.kept],
    }


def _run(name: str, seconds: float, seed: int, folder: Path) -> Rounds:
    places = Places()
    try:
        with (
            Display(size=(1600, 1200)) if name == "window" else nullcontext(),
            running_viewer(places, has_window=name == "window", insecure=name == "insecure") as target,
        ):
            rounds = Rounds(target, places, random.Random(seed), folder, has_window=name == "window")
            rounds.run(seconds)
        _say_how_it_went(name, rounds)
        return rounds
    finally:
        places.close()


def _say_how_it_went(name: str, rounds: Rounds) -> None:
    how = "ok" if rounds.is_alive and not rounds.unhandled else "WRONG"
    counted = "  ".join(f"{kind} {count}" for kind, count in sorted(rounds.inputs.items()))
    print(f"{name:8} {rounds.inputs.total():8} inputs  +{rounds.growth_mb:.0f} MB  {how}  ({counted})")
    for said in rounds.unhandled[:5]:
        print(f"  {said[-1500:]}")
    for path in rounds.kept:
        print(f"  kept {path}")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [name for name, _ in PARTS]
    parser.add_argument(
        "--minutes", type=float, default=1.0, metavar="M", help="how long (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=7, metavar="S", help="of the run (default %(default)s)")
    parser.add_argument(
        "--viewers",
        nargs="+",
        choices=names,
        default=names,
        metavar="NAME",
        help=f"which: {', '.join(names)}",
    )
    parser.add_argument(
        "--keep", type=Path, default=FOLDER, metavar="FOLDER", help="where inputs go that do harm"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
