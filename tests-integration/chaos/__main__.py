"""Run trials in which real workers and viewers are killed, frozen and lied to, and account for every image.

The last line is one line of JSON. Exit status: 0 everything is accounted for, 1 something is wrong.

Examples:
  nox -s chaos -- --trials 60 --seed 7            the long run
  nox -s chaos -- --seed 7 --trial 17             repeat one trial of it
  nox -s chaos -- --trials 4 --faults both_killed link_cut
  nox -s chaos -- --trials 4 --plant skip_resend  put a bug in: the run must fail
"""

import argparse
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext

from pyvirtualdisplay.display import Display

from ._kinds import FAULTS, NEED_A_DEVICE
from ._places import why_no_mount
from ._plan import Plan, plan_trial
from ._planted import PLANTS
from ._trial import Outcome, run_trial


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials, and return the exit status."""
    given = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    no_device = why_no_mount()
    kinds = [kind for kind in given.faults if not (no_device and kind in NEED_A_DEVICE)]
    skipped = {kind: no_device for kind in given.faults if kind not in kinds}
    numbers = range(given.trials) if given.trial is None else [given.trial]
    plans = [plan_trial(given.seed, number, kinds, plant=given.plant) for number in numbers]
    started = time.monotonic()
    outcomes = []
    with Display(size=(1600, 1200)) if any(plan.has_window for plan in plans) else nullcontext():
        for plan in plans:
            outcomes.append(run_trial(plan))
            _say_how_it_went(outcomes[-1], given)
    report = summary(outcomes) | {
        "seed": given.seed,
        "skipped": skipped,
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(report))
    return 0 if all(outcome.is_clean for outcome in outcomes) else 1


def summary(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return what all trials together come to."""
    accounts = [outcome.account for outcome in outcomes]
    words = ("images", "lost", "corrupt", "twice", "unaccounted")
    return {
        "trials": len(outcomes),
        **{word: sum(getattr(account, word) for account in accounts) for word in words},
        "left_in_shm": sum(len(outcome.left_in_memory) for outcome in outcomes),
        "left_on_disk": sum(len(outcome.left_on_disk) for outcome in outcomes),
        "dropped_by_policy": sum((account.dropped for account in accounts), Counter()),
        "faults_by_kind": Counter(kind for outcome in outcomes for kind in outcome.faults),
        "in_flight_at_fault_min": min((n for outcome in outcomes for n in outcome.in_flight), default=0),
        "window_trials": sum(outcome.plan.has_window for outcome in outcomes),
        "policies": Counter(outcome.plan.overflow for outcome in outcomes),
        "counted": sum((outcome.counts for outcome in outcomes), Counter()),
        "failed_trials": [outcome.plan.number for outcome in outcomes if not outcome.is_clean],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=10, metavar="N", help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=7, metavar="S", help="of the run (default %(default)s)")
    parser.add_argument(
        "--trial", type=int, metavar="K", help="run the trial of this number alone, from 0 on"
    )
    parser.add_argument(
        "--faults",
        nargs="+",
        choices=list(FAULTS),
        default=list(FAULTS),
        metavar="KIND",
        help=", ".join(FAULTS),
    )
    parser.add_argument("--plant", choices=PLANTS, default="", help="a bug to put in")
    return parser


def _say_how_it_went(outcome: Outcome, given: argparse.Namespace) -> None:
    plan, account = outcome.plan, outcome.account
    where = "window" if plan.has_window else f"{plan.viewers} viewers"
    what = f"{account.images:6} images  {plan.workers} workers  {where}  {plan.overflow}"
    how = "ok" if outcome.is_clean else "WRONG"
    print(
        f"trial {plan.number:3}  {outcome.seconds:5.1f} s  {what}  {' + '.join(plan.kinds)}  {how}",
        flush=True,
    )
    if not outcome.is_clean:
        print(
            f"  {account}\n  left {_few(outcome.left_in_memory + outcome.left_on_disk)}\n  {outcome.problem}"
        )
        print(f"  logs {outcome.logs}\n  repeat: nox -s chaos -- {_again(plan, given)}", flush=True)


def _few(names: Sequence[str]) -> str:
    return " ".join([*names[:3], f"and {len(names) - 3} more"] if len(names) > 3 else names) or "nothing"


def _again(plan: Plan, given: argparse.Namespace) -> str:
    words = ["--seed", str(given.seed), "--trial", str(plan.number)]
    if given.faults != list(FAULTS):
        words += ["--faults", *given.faults]
    return " ".join([*words, "--plant", given.plant] if given.plant else words)


if __name__ == "__main__":
    sys.exit(main())
