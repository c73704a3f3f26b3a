"""Images go to the viewer that was chosen, and to no other that was asked for its port."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from hcs_protocol import Connection, ViewerStalledError, write_connection
from hcs_stream.manager import _connecting
from hcs_stream.manager._connecting import HiddenViewerError, connect_to, port_that_leads_to
from hcs_stream.manager._target import Target

Listen = Callable[..., Target]


@pytest.fixture
def listen(own_places: Path, connection: Callable[..., Connection]) -> Listen:
    """Have a viewer that was asked for one port and has another."""

    def begin(requested: int, data_port: int, later: float = 0.0) -> Target:
        known: dict[str, Any] = {
            "requested_port": requested,
            "viewer_run": f"asked for {requested}, has {data_port}",
            "pid": os.getpid(),
            "start_time": psutil.Process().create_time() + later,
        }
        made = connection(data_port, **known)
        write_connection(made, [own_places])
        return Target(title=made.title, host=made.host, data_port=data_port, viewer_run=made.viewer_run)

    return begin


def test_a_viewer_is_found_by_its_port(listen: Listen) -> None:
    target = listen(5555, 5555)

    assert port_that_leads_to(target) == 5555


def test_a_viewer_whose_port_another_one_was_asked_for_is_found_by_its_own(listen: Listen) -> None:
    moved = listen(5556, 5557)
    later = listen(5557, 5558)

    assert (port_that_leads_to(moved), port_that_leads_to(later)) == (5556, 5558)


def test_a_viewer_that_no_port_leads_to_is_told_of(listen: Listen) -> None:
    hidden = listen(5555, 5555)
    listen(5555, 5556, 0.5)

    with pytest.raises(HiddenViewerError, match="'Assay 1' on port 5555"):
        port_that_leads_to(hidden)


def test_the_port_of_a_viewer_that_is_gone_is_its_successors(listen: Listen) -> None:
    gone = Target(title="Assay 7", host="127.0.0.1", data_port=5555, viewer_run="gone")

    assert port_that_leads_to(gone) == 5555


def test_no_viewer_is_started_for_images(own_places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_connecting, "CONNECT_SECONDS", 0.1)
    nobody = Target(title="Assay 7", host="localhost", data_port=5599, viewer_run="gone")

    with pytest.raises(ViewerStalledError, match="5599"):
        connect_to(nobody, "run")

    assert list(own_places.iterdir()) == []
