"""Reports of viewers as tables for people."""

from collections.abc import Iterable, Mapping
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hcs_protocol import Counters, Latency, WorkerStatus, whole_journey
from hcs_stream._viewer_reports import ViewerReport
from hcs_stream.sending import printable

WIDTH = 160
"""Where there is no terminal."""
COLOURS = {"ready": "green", "starting": "cyan", "busy": "yellow", "closing": "yellow"}
COUNTERS = ("received", "adopted", "shown", "recovered", "duplicates", "refused", "dropped")
WORKERS_COUNTERS = ("published", "queued", "in_flight", "adopted", "shown")
TROUBLES = ("resent", "refused", "spilled")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to whoever called: the console itself would end the process with status 1."""
        raise  # it is called where the error is handled


def new_console(file: TextIO) -> Console:
    """Return a console that colours what goes to a terminal, unless ``NO_COLOR`` is set."""
    width = None if Console(file=file).is_terminal else WIDTH
    return _Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def viewers_table(reports: Iterable[ViewerReport]) -> RenderableType:
    """Return all viewers, one below the other."""
    parts: list[RenderableType] = []
    for report in reports:
        parts += [Text(), _headline(report), *(Padding(part, (0, 0, 0, 2)) for part in _tables(report))]
    return Group(*parts[1:])


def _headline(report: ViewerReport) -> Text:
    plain = [f"data {report.data_port}", f"control {report.control_port}", f"pid {report.pid}"]
    if report.machine:
        plain.insert(0, f"on {printable(report.machine)}")
    if report.window_age_seconds is not None:
        plain.append(f"window {report.window_age_seconds:.1f} s")
    title = Text(printable(report.title), "bold")
    state = Text(report.state, COLOURS.get(report.state, "red"))
    warning = [] if report.is_secure else [Text("INSECURE: open to everybody on its machine", "red")]
    return Text("  ").join([title, state, *map(Text, plain), *warning])


def _tables(report: ViewerReport) -> list[RenderableType]:
    if report.counters is None:
        return [Text(printable(report.problem or ""))]
    tables: list[RenderableType] = [_counters(report.counters, report.rates_per_second)]
    if hops := whole_journey(report.latency, (worker.latency for worker in report.workers)):
        tables.append(_latencies(hops))
    if report.workers:
        tables.append(_workers(report.workers))
    troubled = [worker for worker in report.workers if _is_troubled(worker)]
    if troubled:
        tables.append(_troubles(troubled))
    return tables


def _counters(counters: Counters, rates: dict[str, float] | None) -> Table:
    table = _table("images", *COUNTERS, "size")
    table.add_row("all", *_counts(counters, COUNTERS), _size(counters.nbytes))
    if rates is not None:
        table.add_row("in 1 s", *(f"{rates[name]:.1f}" for name in COUNTERS), _size(rates["nbytes"]))
    return table


def _counts(counters: Counters | WorkerStatus, names: Iterable[str]) -> list[str]:
    return [str(getattr(counters, name)) for name in names]


def _latencies(hops: Mapping[str, Latency]) -> Table:
    table = _table("ms", *map(printable, hops))
    table.add_row("p50", *(_milliseconds(latency.p50) for latency in hops.values()))
    table.add_row("p99", *(_milliseconds(latency.p99) for latency in hops.values()))
    return table


def _workers(workers: Iterable[WorkerStatus]) -> Table:
    table = _table("worker", "policy", *(name.replace("_", " ") for name in WORKERS_COUNTERS), "size")
    for worker in workers:
        names = printable(worker.name), printable(worker.overflow)
        table.add_row(*names, *_counts(worker, WORKERS_COUNTERS), _size(worker.nbytes))
    return table


def _is_troubled(worker: WorkerStatus) -> bool:
    return any(getattr(worker, name) for name in TROUBLES) or bool(worker.dropped)


def _troubles(workers: Iterable[WorkerStatus]) -> Table:
    table = _table("worker", *TROUBLES, "dropped")
    for worker in workers:
        dropped = ", ".join(f"{count} by {printable(policy)}" for policy, count in worker.dropped.items())
        table.add_row(printable(worker.name), *_counts(worker, TROUBLES), dropped or "0")
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), collapse_padding=True, header_style="dim")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="left" if name == "policy" else "right")
    return table


def _milliseconds(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f}" if milliseconds >= 100 else f"{milliseconds:.2f}"


def _size(nbytes: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if nbytes < 1024:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1024
    return f"{nbytes:.1f} TiB"
