"""Which viewer a port means, and what is said where it means none."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hcs_protocol import HcsError
from hcs_stream._viewer import Viewer
from hcs_stream.commands._viewers_by_port import (
    NoSuchViewerError,
    Outcome,
    for_each_viewer,
    named,
    viewer_at,
)

Captured = pytest.CaptureFixture[str]


def a_viewer(known: Any, **fields: Any) -> Viewer:
    """Return a viewer whose connection file says this."""
    return Viewer(msgspec.structs.replace(known.connection, **fields), Path("none"))


def test_who_has_a_port_comes_before_who_was_asked_for_it(viewer: Any) -> None:
    has = a_viewer(viewer, data_port=5556, requested_port=5555)
    was_asked = a_viewer(viewer, data_port=5557, requested_port=5556)

    assert viewer_at(5556, "localhost", [was_asked, has]) is has
    assert viewer_at(5555, "localhost", [was_asked, has]) is has
    assert viewer_at(5557, "localhost", [was_asked, has]) is was_asked


def test_several_that_were_asked_for_one_port_have_to_be_told_apart(viewer: Any) -> None:
    both = [a_viewer(viewer, data_port=port, requested_port=5555, title="Assay 7") for port in (5556, 5557)]

    with pytest.raises(NoSuchViewerError) as raised:
        viewer_at(5555, "localhost", both)

    assert str(raised.value) == (
        "several viewers were asked for port 5555: say which of 5556 'Assay 7', 5557 'Assay 7'"
    )


def test_another_machines_viewer_is_meant_by_its_host_alone(viewer: Any) -> None:
    here, there = a_viewer(viewer, data_port=5555), a_viewer(viewer, data_port=5555, host="gpu-node")

    assert viewer_at(5555, "127.0.0.1", [there, here]) is here
    assert viewer_at(5555, "gpu-node", [there, here]) is there
    assert named(there) == "5555 'fake' on gpu-node"


def test_who_names_a_port_without_a_viewer_reads_which_have_one(viewer: Any) -> None:
    running = [a_viewer(viewer, data_port=5555, title="Assay 7\x1b[31m"), a_viewer(viewer, data_port=5560)]

    with pytest.raises(NoSuchViewerError) as raised:
        viewer_at(7777, "localhost", running)

    assert str(raised.value) == (
        "no viewer runs on port 7777; running: 5555 'Assay 7\\x1b[31m', 5560 'fake'"
        " — see 'hcs-stream viewers'"
    )


def test_where_no_viewer_runs_one_reads_how_to_start_one() -> None:
    with pytest.raises(NoSuchViewerError, match="nor on any other: 'hcs-stream start' starts one"):
        viewer_at(7777, "localhost", [])


def test_one_that_fails_keeps_no_other_from_it(new_viewer: Any, capsys: Captured) -> None:
    good, bad = (new_viewer().connection for _ in range(2))

    def act(viewer: Viewer) -> Outcome:
        if viewer.connection.data_port == bad.data_port:
            raise HcsError("it is ill\x07")
        return Outcome(viewer, "well done", {"how": "well"})

    ports = Namespace(ports=[bad.data_port, 7777, good.data_port, good.data_port], host="localhost", ssh=None)
    status = for_each_viewer(ports, act)
    said = capsys.readouterr()

    assert (status, said.out) == (1, "well done\n")
    assert "hcs-stream: it is ill?\n" in said.err
    assert "hcs-stream: no viewer runs on port 7777; running: " in said.err


def test_programs_get_a_line_for_each(viewer: Any, capsys: Captured) -> None:
    port = viewer.connection.data_port
    options = Namespace(ports=[port], host="localhost", ssh=None)

    assert for_each_viewer(options, lambda v: Outcome(v, "well", {"how": "well"}), as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {
        "title": "fake",
        "host": "127.0.0.1",
        "data_port": port,
        "control_port": viewer.connection.control_port,
        "pid": viewer.connection.pid,
        "viewer_run": viewer.viewer_run,
        "how": "well",
    }
