"""`hcs-stream clear`: of a run, of a step, of all."""

from typing import Any

import pytest

from hcs_protocol import LayerState, State
from hcs_stream.cli import main

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def viewer(viewer: Any) -> Any:
    """A viewer with a layer of each of two runs."""
    viewer.state = State(reply_to="-", layers=[LayerState(name=run, run=run) for run in ("r1", "r2")])
    return viewer


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ([], (None, None)),
        (["--run", "r1"], ("r1", None)),
        (["--step", "blur"], (None, "blur")),
        (["--run", "r2", "--step", "2"], ("r2", "2")),
    ],
)
def test_the_viewer_is_asked_for_what_is_said(
    viewer: Any, options: list[str], asked: tuple[str | None, str | None], capsys: Captured
) -> None:
    port = viewer.connection.data_port

    assert main(["clear", str(port), *options]) == 0
    assert viewer.cleared == [asked]
    assert capsys.readouterr().out == f"cleared viewer {port} 'fake': 2 layers before, 2 now\n"


def test_a_run_that_a_viewer_has_not_is_told_with_those_it_has(viewer: Any, capsys: Captured) -> None:
    port = viewer.connection.data_port

    assert main(["clear", str(port), "--run", "r3"]) == 1
    assert viewer.cleared == []
    assert capsys.readouterr().err == (
        f"hcs-stream: wanted a run of viewer {port} 'fake', found no layer of 'r3'; there are 'r1', 'r2'\n"
    )
