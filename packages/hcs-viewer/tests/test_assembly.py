"""What only the module can get wrong that puts a viewer together."""

import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from hcs_viewer._assembly import _close

pytestmark = pytest.mark.window


class Broken:
    """A napari that cannot remove a layer which it could not draw."""

    def close(self) -> None:
        raise KeyError("layer")


def test_a_window_that_cannot_be_closed_does_not_keep_its_process(
    qapp: QApplication, caplog: pytest.LogCaptureFixture
) -> None:
    QTimer.singleShot(0, lambda: _close(Broken()))  # type: ignore[arg-type]  # no napari

    qapp.exec()

    assert "window not closed in order" in caplog.text
