"""What running viewers say of themselves, all asked at once, and how fast their counters rise."""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from hcs_protocol import (
    Connection,
    Counters,
    HcsError,
    Latency,
    Pong,
    ViewerStalledError,
    WorkerStatus,
)

from ._viewer import Viewer
from ._whereabouts import host_of, machine_name, port_of

BUSY_SECONDS = 2.0
"""A window that gave no sign of life for longer is busy: drawing, or hung."""


class ViewerReport(msgspec.Struct, frozen=True, kw_only=True):
    """One viewer at one time; its fields are the keys of ``hcs-stream viewers --json``."""

    seen_at: float
    """Seconds since 1970."""
    title: str
    host: str
    data_port: int
    control_port: int
    pid: int
    machine: str = ""
    """The other machine that it is on, as people call it; empty if it is this one."""
    start_time: float
    """Of the process; seconds since 1970."""
    viewer_run: str
    state: str
    """``starting``, ``ready``, ``busy``, ``closing``, ``frozen``, ``not answering`` or ``failed``."""
    is_secure: bool = True
    """Whether it lets in its user alone, and not everybody on its machine (``--insecure``)."""
    problem: str | None = None
    """Why there is nothing below."""
    window_age_seconds: float | None = None
    counters: Counters | None = None
    rates_per_second: dict[str, float] | None = None
    """Of the counters, since the report before."""
    latency: dict[str, Latency] = {}  # msgspec makes an empty default anew
    """In seconds; of the hops that the viewer sees."""
    workers: list[WorkerStatus] = []

    def json(self) -> str:
        """Return one line of JSON; zeros are in it, which messages leave out."""
        every = msgspec.structs.asdict(self)
        every["counters"] = self.counters and msgspec.structs.asdict(self.counters)
        every["workers"] = [msgspec.structs.asdict(worker) for worker in self.workers]
        return json.dumps(msgspec.to_builtins(every))  # ASCII, for any terminal


def report_viewers(
    viewers: Sequence[Viewer],
    timeout: float,
    *,
    ping: Callable[[Viewer, float], Pong] = Viewer.ping,
    now: Callable[[], float] = time.time,
) -> list[ViewerReport]:
    """Ask all of them at once; return what they said, less those that ended meanwhile.

    Args:
        viewers: Whom to ask.
        timeout: Seconds that each may take to answer.
        ping: How to ask one.
        now: Seconds since 1970.
    """
    with ThreadPoolExecutor(max(1, len(viewers)), "ping") as threads:
        reports = list(threads.map(lambda viewer: _report(viewer, timeout, ping, now), viewers))
    return [report for viewer, report in zip(viewers, reports, strict=True) if viewer.is_alive]


class Rates:
    """Adds to each report how fast the counters of its viewer rise."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._before: dict[str, tuple[float, Counters]] = {}

    def add(self, reports: Sequence[ViewerReport]) -> list[ViewerReport]:
        """Return the reports with rates; a viewer's first has none."""
        now = self._clock()
        runs = {report.viewer_run for report in reports}
        self._before = {run: before for run, before in self._before.items() if run in runs}
        return [self._with_rates(report, now) for report in reports]

    def _with_rates(self, report: ViewerReport, now: float) -> ViewerReport:
        if report.counters is None:
            return report
        before, old = self._before.get(report.viewer_run, (now, report.counters))
        self._before[report.viewer_run] = now, report.counters
        if now <= before:
            return report
        names = set(Counters.__struct_fields__) - {"workers"}  # a level, which goes up and down
        rises = {name: getattr(report.counters, name) - getattr(old, name) for name in sorted(names)}
        rates = {name: rise / (now - before) for name, rise in rises.items()}
        return msgspec.structs.replace(report, rates_per_second=rates)


def _report(
    viewer: Viewer, timeout: float, ping: Callable[[Viewer, float], Pong], now: Callable[[], float]
) -> ViewerReport:
    silent = _silent_report(viewer.connection, now())
    try:
        pong = ping(viewer, timeout)
    except ViewerStalledError as error:
        if viewer.is_stopped:
            pid, port = viewer.connection.pid, viewer.connection.data_port
            ends = f"'hcs-stream kill {port}' ends it"
            problem = f"its process is stopped; 'kill -CONT {pid}' lets it go on, {ends}"
            return msgspec.structs.replace(silent, state="frozen", problem=problem)
        return msgspec.structs.replace(silent, state="not answering", problem=str(error))
    except HcsError as error:
        return msgspec.structs.replace(silent, state="failed", problem=str(error))
    return msgspec.structs.replace(
        silent,
        seen_at=now(),
        title=pong.title,
        state=_state(pong),
        window_age_seconds=pong.window_age_seconds,
        counters=pong.counters,
        latency=pong.latency,
        workers=pong.workers,
    )


def _silent_report(connection: Connection, seen_at: float) -> ViewerReport:
    return ViewerReport(
        seen_at=seen_at,
        title=connection.title,
        host=host_of(connection),
        machine=machine_name(connection),
        data_port=port_of(connection),
        control_port=connection.control_port,
        pid=connection.pid,
        start_time=connection.start_time,
        viewer_run=connection.viewer_run,
        is_secure=connection.is_secure,
        state="",
    )


def _state(pong: Pong) -> str:
    is_busy = pong.state == "ready" and pong.window_age_seconds > BUSY_SECONDS
    return "busy" if is_busy else pong.state
