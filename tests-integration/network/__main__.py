"""Stream between network namespaces whose cables are cut, slow or mute, and account for every image.

The last line is one line of JSON: `images`, `lost`, `shown_twice` and so on are sums over all scenarios, and
`skipped` counts scenarios that cannot run here. Exit status: 0 nothing lost or doubled, 1 something is wrong.

Examples:
  nox -s network                                   everything
  nox -s network -- --scenarios cut_link slow_link
  nox -s network -- --images 2000
"""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from chaos._programs import TrialError

from . import (
    NoNetworkError,
    Outcome,
    away_for_long,
    cut_link,
    dask_cluster,
    left,
    overloaded,
    slow_link,
    thin_link,
    two_hosts,
    viewer_vanishes,
    why_no_netem,
    why_no_network,
)

CUTS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios, and return the exit status."""
    scenarios = _scenarios(10_000)
    parser = argparse.ArgumentParser(
        prog="network", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--images", type=int, default=10_000, metavar="N", help="through the link that is cut"
    )
    parser.add_argument("--scenarios", nargs="+", choices=list(scenarios), default=list(scenarios))
    given = parser.parse_args(arguments)
    scenarios = _scenarios(given.images)
    started = time.monotonic()
    outcomes: dict[str, Outcome] = {}
    problems: dict[str, str] = {}
    skipped = dict.fromkeys(given.scenarios, why) if (why := why_no_network()) else {}
    for name in given.scenarios if not skipped else ():
        begun = time.monotonic()
        try:
            outcomes[name] = scenarios[name]()
        except (TrialError, NoNetworkError):
            problems[name] = traceback.format_exc()
        _say(name, outcomes.get(name), problems.get(name, ""), time.monotonic() - begun)
    report = summary(outcomes) | {
        "skipped": len(skipped),
        "skipped_why": why,
        "slow_cables": _who_slows(why),
        "failed": sorted(problems),
        "left_namespaces": left(),
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(report))
    clean = all(outcome.is_clean for outcome in outcomes.values())
    return 0 if clean and not problems and not left() else 1


def summary(outcomes: Mapping[str, Outcome]) -> dict[str, object]:
    """Return what all scenarios together come to."""
    words = ("images", "lost", "shown_twice", "corrupt", "unaccounted", "cuts")
    scenarios = {name: outcome.report() for name, outcome in outcomes.items()}
    return {
        **{word: sum(int(str(report[word])) for report in scenarios.values()) for word in words},
        "scenarios": scenarios,
    }


def _scenarios(images: int) -> dict[str, Callable[[], Outcome]]:
    return {
        "cut_link": partial(cut_link, images, CUTS),
        "cut_link_window": partial(cut_link, 300, 2, has_window=True),
        "away_for_long": away_for_long,
        "two_hosts": two_hosts,
        "overloaded_spill": overloaded,
        "overloaded_block": partial(overloaded, overflow="block(60)"),
        "overloaded_drop": partial(overloaded, 1200, overflow="drop_oldest"),
        "slow_link": slow_link,
        "thin_link": thin_link,
        "viewer_vanishes": viewer_vanishes,
        "dask_cluster": dask_cluster,
    }


def _who_slows(why_nothing: str) -> str:
    if why_nothing:
        return ""
    return "a relay between TAP devices, as the kernel has no netem" if why_no_netem() else "tc netem"


def _say(name: str, outcome: Outcome | None, problem: str, seconds: float) -> None:
    how = "ok" if outcome and outcome.is_clean else "WRONG"
    print(f"{name:18} {seconds:6.1f} s  {outcome.report() if outcome else problem}  {how}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
