"""What the status dock says, in the words and units of ``hcs-stream viewers``. Pure: no window, no clock."""

from collections.abc import Iterable, Mapping

import msgspec

from hcs_protocol import WORKERS_HOPS, Counters, Pong, WorkerStatus, whole_journey

from ._settings import ViewerSettings

COUNTERS = ("received", "adopted", "shown", "recovered", "duplicates", "refused", "dropped")
TROUBLES = ("resent", "refused", "spilled")
WORKERS_COUNTERS = ("queued", "in_flight", "shown", "published")
WORKERS_HEADER = (
    "worker",
    "in 1 s",
    *(name.replace("_", " ") for name in WORKERS_COUNTERS),
    *(f"{hop} p99" for hop in WORKERS_HOPS),
    "trouble",
)
MAX_WORKERS = 50
"""So many are listed."""

Row = tuple[str, ...]


class Table(msgspec.Struct, frozen=True):
    """A table of words; the first row is its header."""

    rows: list[Row]


class Rates:
    """How fast the counts rise, from one Pong to the next."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}
        self._at = 0.0

    def of(self, pong: Pong, now: float) -> dict[str, float]:
        """Return counts per second: the viewer's by their names, each worker's by ``worker NAME``."""
        counts = {name: getattr(pong.counters, name) for name in (*COUNTERS, "nbytes")}
        for worker in pong.workers:
            name = f"worker {worker.name}"
            counts[name] = counts.get(name, 0) + worker.published
        seconds, before = now - self._at, self._before
        self._before, self._at = counts, now
        if seconds <= 0:
            return {}
        return {name: max(0, counts[name] - before[name]) / seconds for name in counts.keys() & before.keys()}


def where(settings: ViewerSettings) -> str:
    """Return where a viewer listens, and for whom if that is not its user alone."""
    open_to = " · INSECURE: open to everybody on this machine" if settings.insecure else ""
    return f"Listening on port {settings.data_port}{open_to}"


def summary(pong: Pong, rates: Mapping[str, float]) -> str:
    """Return the one line for who has no time: ``12.5 images/s · 1970 shown · 16 waiting · 2 workers``."""
    waiting = sum(worker.queued + worker.in_flight for worker in pong.workers)
    parts = [f"{rates['adopted']:.1f} images/s"] if "adopted" in rates else []
    parts += [f"{pong.counters.shown} shown", f"{waiting} waiting", _many(pong.counters.workers, "worker")]
    for name in ("refused", "dropped"):
        if count := getattr(pong.counters, name):
            parts.append(f"{count} {name}")
    return " · ".join(parts)


def memory(nbytes: int, budget: int | None, spilled: int) -> str:
    """Return what images take: ``memory 1.2 GiB of 4.0 GiB · 300.0 MiB on disk``."""
    within = f" of {size(budget)}" if budget else ""
    return f"memory {size(nbytes)}{within}" + (f" · {size(spilled)} on disk" if spilled else "")


def images_table(counters: Counters, rates: Mapping[str, float]) -> Table:
    """Return what became of images, in all and per second."""
    rows = [(name, str(getattr(counters, name)), _rate(rates.get(name))) for name in COUNTERS]
    rate = rates.get("nbytes")
    rows.append(("size", size(counters.nbytes), "" if rate is None else size(rate)))
    return Table([("images", "all", "in 1 s"), *rows])


def hops_table(pong: Pong) -> Table:
    """Return how long images took for each hop of their journey, in milliseconds."""
    hops = whole_journey(pong.latency, (worker.latency for worker in pong.workers))
    rows = [
        (_printable(hop), milliseconds(latency.p50), milliseconds(latency.p99))
        for hop, latency in hops.items()
    ]
    return Table([("ms", "p50", "p99"), *rows])


def workers_table(workers: Iterable[WorkerStatus], rates: Mapping[str, float]) -> Table:
    """Return what became of each worker's images."""
    return Table([WORKERS_HEADER, *(_worker(worker, rates) for worker in list(workers)[:MAX_WORKERS])])


def milliseconds(seconds: float) -> str:
    """Return a time in milliseconds, without its unit."""
    value = seconds * 1000
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def size(nbytes: float) -> str:
    """Return a number of bytes with its unit."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if nbytes < 1024:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1024
    return f"{nbytes:.1f} TiB"


def _worker(worker: WorkerStatus, rates: Mapping[str, float]) -> Row:
    p99 = [milliseconds(worker.latency[hop].p99) if hop in worker.latency else "" for hop in WORKERS_HOPS]
    counts = [str(getattr(worker, name)) for name in WORKERS_COUNTERS]
    troubles = [f"{count} {name}" for name in TROUBLES if (count := getattr(worker, name))]
    troubles += [
        f"{count} dropped by {_printable(policy)}" for policy, count in worker.dropped.items() if count
    ]
    rate = _rate(rates.get(f"worker {worker.name}"))
    return (_printable(worker.name), rate, *counts, *p99, ", ".join(troubles))


def _rate(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.1f}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
