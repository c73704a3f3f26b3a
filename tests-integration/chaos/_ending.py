"""How a trial ends: everything published is adopted and shown, then all processes end in order."""

from collections import Counter

from ._audit import audit
from ._clock import jump
from ._orders import Finish, Status, Tell
from ._programs import TrialError
from ._stage import Stage

UNFINISHED = ".new"
UNFINISHED_SECONDS = 120.0
"""After so long a segment that a worker died making is a leftover."""
END_SECONDS = 20.0


def end(stage: Stage) -> Counter[str]:
    """End all that lives, and return what it counted itself."""
    counts: Counter[str] = Counter()
    for worker in stage.workers:
        status = worker.ask(Tell(), Status)
        counts.update(resent=status.resent, spilled=status.spilled)
        worker.is_over = True
        worker.ask(Finish(), type(None))
    for worker in stage.workers:
        worker.end()
    stage.hang_up()
    stage.wait_for("not all is adopted", lambda: not audit(stage.places.books, stage.viewers).lost)
    stage.wait_for("what dead workers left is still there", lambda: not _leftovers(stage))
    jump(stage.places.clock, UNFINISHED_SECONDS)
    for port in stage.viewers:
        counts += _end_viewer(stage, port)
    return counts


def _leftovers(stage: Stage) -> set[str]:
    places = stage.places
    left = {*places.left_in_memory(), *places.left_on_disk()} - stage.spoiled
    return {name for name in left if not name.endswith(UNFINISHED)}


def _end_viewer(stage: Stage, port: int) -> Counter[str]:
    viewer, client = stage.viewers[port], stage.clients[port]

    def all_is_shown() -> bool:
        counters = client.ping().counters
        return counters.shown == counters.adopted

    stage.wait_for(f"{viewer.name} does not show all that it adopted", all_is_shown)
    counters = client.ping().counters
    if stage.plan.has_window:
        there = sum(layer.images for layer in client.state().layers)
        if there != counters.adopted:
            raise TrialError(f"{viewer.name} adopted {counters.adopted} images, its layers have {there}")
    viewer.is_over = True
    client.stop(END_SECONDS)
    viewer.end()
    names = ("adopted", "recovered", "duplicates", "refused", "malformed")
    return Counter({name: getattr(counters, name) for name in names})
