"""One trial from its first process to its last folder."""

import shutil
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ._audit import Account, audit
from ._ending import end
from ._kinds import FAULTS, NEED_A_PROXY
from ._orders import Status, Tell
from ._places import Places
from ._plan import Plan
from ._programs import TrialError
from ._stage import Stage

MEMORY_NBYTES = 128 << 20
DISK_NBYTES = 96 << 20


@dataclass
class Outcome:
    """How a trial went."""

    plan: Plan
    account: Account = field(default_factory=Account)
    faults: list[str] = field(default_factory=list)
    """The kinds that have come."""
    in_flight: list[int] = field(default_factory=list)
    """How many images were in flight when they came."""
    left_in_memory: list[str] = field(default_factory=list)
    left_on_disk: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """What the processes counted themselves."""
    problem: str = ""
    """Why the trial did not go as planned."""
    logs: Path | None = None
    """Where the logs of a trial are that went wrong."""
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return self.account.is_clean and not (self.problem or self.left_in_memory or self.left_on_disk)


def run_trial(plan: Plan) -> Outcome:
    """Run one trial; nothing of it is left afterwards but the logs of one that went wrong."""
    started = time.monotonic()
    outcome, places = Outcome(plan), Places()
    stage = Stage(plan, places, has_proxy=bool(NEED_A_PROXY & set(plan.kinds)))
    try:
        _mount(plan, places)
        _perform(stage, outcome)
    except Exception as error:  # the outermost loop: the other trials go on
        stage.show_stacks()
        outcome.problem = f"{error}" if isinstance(error, TrialError) else traceback.format_exc()
    finally:
        stage.close()
        _look_back(stage, outcome)
        places.remove()
    outcome.seconds = time.monotonic() - started
    return outcome


def _mount(plan: Plan, places: Places) -> None:
    if "memory_full" in plan.kinds:
        places.mount(places.segments, MEMORY_NBYTES)
    if "disk_full" in plan.kinds:
        places.mount(places.spill, DISK_NBYTES)


def _perform(stage: Stage, outcome: Outcome) -> None:
    stage.start()
    stage.await_flow()
    for kind in stage.plan.kinds:
        FAULTS[kind](stage)
        outcome.faults.append(kind)
        stage.await_flow()
    stage.wait_for("too few images", lambda: _published(stage) >= stage.plan.images)
    outcome.counts += end(stage)


def _published(stage: Stage) -> int:
    return sum(worker.ask(Tell(), Status).published for worker in stage.workers)


def _look_back(stage: Stage, outcome: Outcome) -> None:
    places = stage.places
    outcome.in_flight = stage.in_flight
    outcome.account = audit(places.books, stage.viewers)
    outcome.left_in_memory = sorted(set(places.left_in_memory()) - stage.spoiled)
    outcome.left_on_disk = sorted(set(places.left_on_disk()) - stage.spoiled)
    if not outcome.is_clean:
        outcome.logs = Path(tempfile.mkdtemp(prefix=f"chaos-trial-{stage.plan.number}-"))
        for folder in (places.logs, places.books):
            shutil.copytree(folder, outcome.logs / folder.name)
