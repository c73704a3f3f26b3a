"""Let two workers and two viewers run for long, kill one of the viewers now and then, and watch their memory.

The viewers keep no image. What is measured is the anonymous memory (RssAnon: neither shared memory nor files)
of the workers and of the viewer that lives all the time, after the first two minutes; the lives of the other
viewer are compared at equal age. The last line is one line of JSON.
Exit status: 0 nothing grows and nothing is lost, 1 something does or is.

Examples:
  nox -s soak -- --minutes 30
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from ._audit import Account, audit
from ._ending import end
from ._places import Places
from ._plan import plan_soak
from ._programs import TrialError
from ._soak_samples import Sample, file_growth, look_at, slope
from ._stage import Stage

KILL_SECONDS = 20.0, 60.0
SAMPLE_SECONDS = 5.0
AGE_SECONDS = 15.0
WARM_UP_SECONDS = 120.0
MOST_GROWTH = 1.0
PILES, PILE_SECONDS = 4, 3.0


@dataclass
class Watch:
    """What was seen of the processes."""

    steady: dict[str, list[Sample]] = field(default_factory=dict)
    """Of those that live all the time."""
    lives: list[Sample] = field(default_factory=list)
    """Of each life of the other viewer, when it was so old."""
    kills: int = 0
    problem: str = ""
    account: Account = field(default_factory=Account)
    seconds: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="of the kills (default %(default)s)")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    watch = soak(60.0 * given.minutes, given.seed)
    report = summary(watch)
    print(json.dumps(report))
    grows = max(slope(samples) for samples in _warm(watch).values()) > MOST_GROWTH or report["fd_growth"]
    return 1 if grows or watch.problem or not watch.account.is_clean else 0


def soak(seconds: float, seed: int) -> Watch:
    """Run for so long; nothing of it is left afterwards."""
    watch, places = Watch(), Places()
    stage = Stage(plan_soak(seed), places, has_proxy=False)
    try:
        stage.start()
        stage.await_flow()
        _warm_up(stage)
        _look_on(stage, watch, seconds)
        end(stage)
    except (TrialError, OSError) as error:
        watch.problem = str(error)
    finally:
        stage.close()
        watch.account = audit(places.books, stage.viewers)
        places.remove()
    return watch


def summary(watch: Watch) -> dict[str, object]:
    """Return what the soak comes to."""
    warm = _warm(watch)
    slopes = {name: slope(samples) for name, samples in warm.items()}
    files = {name: file_growth(samples) for name, samples in warm.items()}
    account = asdict(watch.account)
    return {
        "rss_slope_mb_per_10_min": max(slopes.values(), default=0.0),
        "rss_slopes_mb_per_10_min": slopes | {"killed_viewer_at_equal_age": slope(watch.lives)},
        "rss": "RssAnon",
        "fd_growth": max(files.values(), default=0),
        "fd_growths": files,
        "kills": watch.kills,
        **{word: account[word] for word in ("images", "lost", "corrupt", "twice", "unaccounted")},
        "problem": watch.problem,
        "seconds": round(watch.seconds),
    }


def _warm_up(stage: Stage) -> None:
    """Let images pile up and come all at once, so that whoever keeps memory for later has it now."""
    for _ in range(PILES):
        for viewer in stage.viewers.values():
            viewer.freeze()
        time.sleep(PILE_SECONDS)
        for viewer in stage.viewers.values():
            viewer.thaw()
        stage.await_flow()
        time.sleep(PILE_SECONDS)


def _look_on(stage: Stage, watch: Watch, seconds: float) -> None:
    killed, kept = stage.viewers
    pids = {worker.name.replace(" ", "_"): worker.pid for worker in stage.workers}
    pids["receiver"] = stage.viewers[kept].pid
    begun = born = time.monotonic()
    kill_at = begun + stage.random.uniform(*KILL_SECONDS)
    is_seen = True  # the first life begins with the others
    while (now := time.monotonic()) < begun + seconds:
        stage.check()
        watch.seconds = now - begun
        for name, pid in pids.items():
            watch.steady.setdefault(name, []).append(look_at(pid, watch.seconds))
        if not is_seen and now > born + AGE_SECONDS:
            is_seen = True
            watch.lives.append(look_at(stage.viewers[killed].pid, watch.seconds))
            _say(watch)
        if now > kill_at:
            stage.viewers[killed].kill()
            stage.start_viewer(killed)
            watch.kills += 1
            born, is_seen = time.monotonic(), False
            kill_at = born + stage.random.uniform(*KILL_SECONDS)
        time.sleep(SAMPLE_SECONDS)


def _warm(watch: Watch) -> dict[str, list[Sample]]:
    since = min(WARM_UP_SECONDS, watch.seconds / 2)
    return {name: [one for one in samples if one.seconds >= since] for name, samples in watch.steady.items()}


def _say(watch: Watch) -> None:
    last = {name: samples[-1] for name, samples in watch.steady.items()} | {"young viewer": watch.lives[-1]}
    memory = "  ".join(f"{name} {sample.megabytes:.1f} MB" for name, sample in last.items())
    print(f"{watch.seconds:6.0f} s  {watch.kills:3} kills  {memory}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
