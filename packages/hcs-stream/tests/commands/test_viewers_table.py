"""What people read of viewers: it fits a terminal, and nobody else's escapes are in it."""

import io
from typing import Any

import msgspec
import pytest

from hcs_protocol import Beat, Pong, WorkerStatus, decode
from hcs_protocol.testing import golden_messages
from hcs_stream._viewer_reports import ViewerReport
from hcs_stream.commands._viewers_table import new_console, viewers_table

PONG, BEAT = (decode(golden_messages()[name]) for name in ("pong_with_workers.json", "beat_with_status.json"))
assert isinstance(PONG, Pong)
assert isinstance(BEAT, Beat)
assert BEAT.status is not None
REPORT = ViewerReport(
    seen_at=7.5,
    title=PONG.title,
    host="127.0.0.1",
    data_port=5555,
    control_port=6555,
    pid=47110,
    start_time=1.0,
    viewer_run=PONG.viewer_run,
    state="ready",
    window_age_seconds=0.04,
    counters=PONG.counters,
    latency=PONG.latency,
    workers=[BEAT.status],
)


def written(*reports: ViewerReport, file: io.StringIO | None = None) -> list[str]:
    """Return the lines of a table as they are printed."""
    file = file or io.StringIO()
    new_console(file).print(viewers_table(reports))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def changed(**fields: Any) -> ViewerReport:
    """Return the report with these fields."""
    return msgspec.structs.replace(REPORT, **fields)


def test_a_viewer_that_lets_everybody_in_is_told_of_as_such() -> None:
    assert "INSECURE" not in written(REPORT)[0]
    assert written(changed(is_secure=False))[0].endswith("INSECURE: open to everybody on its machine")


def test_a_viewer_is_told_in_lines_that_fit_a_terminal() -> None:
    lines = written(changed(rates_per_second=dict.fromkeys(msgspec.structs.asdict(REPORT.counters), 12.5)))

    assert lines == [
        "napari on plate 3434  ready  data 5555  control 6555  pid 47110  window 0.0 s",
        "  images received adopted shown recovered duplicates refused dropped     size",
        "  all        1976    1975  1970         4          0       2       7 15.4 GiB",
        "  in 1 s     12.5    12.5  12.5      12.5       12.5    12.5    12.5     12 B",
        "  ms  copy queue wire store  draw",
        "  p50 2.10  0.09 0.21  2.50 16.00",
        "  p99 5.40   250 1.40  7.10 52.00",
        "  worker          policy published queued in flight adopted shown    size",
        "  gpu-node-3:4711 spill       1003     16         8     970   965 7.8 GiB",
        "  worker          resent refused spilled                       dropped",
        "  gpu-node-3:4711      3       2      12 5 by drop_oldest, 2 by latest",
    ]


def test_a_worker_without_troubles_has_one_line() -> None:
    lines = written(changed(workers=[WorkerStatus(name="gpu-node-3:4711", overflow="latest", published=7)]))

    assert [line for line in lines if "gpu-node-3" in line] == [
        "  gpu-node-3:4711 latest         7      0         0       0     0  0 B"
    ]


def test_the_workers_hops_are_those_of_the_slowest() -> None:
    slow = msgspec.convert({"latency": {"copy": {"p50": 0.003, "p99": 1.5}}}, WorkerStatus)

    lines = written(changed(workers=[slow, BEAT.status]))

    assert lines[3:6] == [
        "  ms  copy queue wire store  draw",
        "  p50 3.00  0.09 0.21  2.50 16.00",
        "  p99 1500   250 1.40  7.10 52.00",
    ]


def test_a_viewer_that_says_nothing_is_listed_with_the_reason() -> None:
    silent = changed(state="frozen", problem="its process is stopped", counters=None, window_age_seconds=None)

    assert written(silent, REPORT)[:4] == [
        "napari on plate 3434  frozen  data 5555  control 6555  pid 47110",
        "  its process is stopped",
        "",
        "napari on plate 3434  ready  data 5555  control 6555  pid 47110  window 0.0 s",
    ]


def test_what_peers_call_themselves_is_printed_without_escapes_and_markup() -> None:
    lines = written(changed(title="[red]\x1b[2J\n", workers=[WorkerStatus(name="\x1b]0;\x07[bold]w")]))

    assert lines[0].startswith("[red]?[2J?  ready")
    assert "?]0;?[bold]w" in lines[-1]
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("nbytes", "size"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (8 << 20, "8.0 MiB"), (3 << 40, "3.0 TiB")],
)
def test_sizes_are_in_units_that_one_can_read(nbytes: int, size: str) -> None:
    lines = written(changed(counters=msgspec.structs.replace(REPORT.counters, nbytes=nbytes)))

    assert lines[2].endswith(f" {size}")


class Terminal(io.StringIO):
    """A terminal, as far as anybody asks it."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    assert "\x1b[32mready" in written(REPORT, file=Terminal())[0]


def test_a_terminal_without_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")

    assert "\x1b[32m" not in written(REPORT, file=Terminal())[0]


def test_a_file_gets_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    assert "\x1b" not in "".join(written(REPORT))
