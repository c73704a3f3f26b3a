"""The manager's window on a real viewer: one that is quit says goodbye, and leaves the list."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

import hcs_stream

if TYPE_CHECKING:
    from at_the_manager import Manager

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]


def test_a_viewer_that_is_quit_says_goodbye_and_leaves_the_list(manager: "Manager", data_port: int) -> None:
    viewer = hcs_stream.start_viewer(data_port, title="Assay 7", persistent=False, timeout=120)
    with hcs_stream.connect(data_port=data_port) as stream:
        stream.send(np.zeros((16, 16), "uint8"))
        stream.flush()
    manager.wait_for(data_port, "ready")
    manager.choose(data_port)

    manager.quit_or_dismiss()
    manager.wait_for(data_port, "closing")
    manager.wait_for(data_port, None)

    assert not viewer.is_alive
