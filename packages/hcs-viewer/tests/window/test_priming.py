"""An empty window is primed while nothing comes, and makes way for what does."""

import sys
from typing import Any

import numpy as np
from pytestqt.qtbot import QtBot
from shown import PATIENCE_MILLISECONDS

from hcs_viewer._priming import SLOW_IMPORTS, Priming
from hcs_viewer._sliders import AXIS_LABELS

Screen = Any  # of conftest.py, which nobody can import


def test_a_primed_window_is_as_empty_as_before_and_has_its_axes(screen: Screen) -> None:
    Priming(screen.viewer, screen.window.sliders).finish()

    assert not screen.viewer.layers
    assert screen.viewer.dims.axis_labels == AXIS_LABELS
    assert screen.text == ""
    assert set(SLOW_IMPORTS) <= set(sys.modules)


def test_a_primed_window_has_no_slider_to_move_nor_axes_to_roll(screen: Screen) -> None:
    Priming(screen.viewer, screen.window.sliders).finish()

    screen.viewer.dims.roll()

    assert set(screen.viewer.dims.nsteps) == {1}
    assert screen.viewer.dims.displayed == (6, 7)


def test_a_primed_window_is_turned_to_3d_and_back_before_its_first_image(screen: Screen) -> None:
    Priming(screen.viewer, screen.window.sliders).finish()

    screen.viewer.dims.ndisplay = 3
    screen.viewer.dims.ndisplay = 2
    screen.show(np.ones((8, 8), np.uint16), well="A01")

    assert screen.viewer.dims.axis_labels == AXIS_LABELS
    assert "A01" in screen.text


def test_a_volume_that_is_the_first_image_is_seen_in_3d(screen: Screen) -> None:
    Priming(screen.viewer, screen.window.sliders).finish()
    screen.viewer.dims.ndisplay = 3

    screen.show(np.ones((4, 8, 8), np.uint16), axes="zyx", well="A01")

    assert screen.viewer.dims.displayed == (5, 6, 7)
    assert screen.picture().max() > 0


def test_it_is_primed_by_itself_while_it_is_idle(screen: Screen, qtbot: QtBot) -> None:
    priming = Priming(screen.viewer, screen.window.sliders)
    shown: list[str] = []
    screen.viewer.layers.events.inserted.connect(lambda event: shown.append(event.value.name))

    priming.begin()
    qtbot.waitUntil(lambda: priming.is_done, timeout=PATIENCE_MILLISECONDS)

    assert len(shown) == 2
    assert not screen.viewer.layers


def test_an_image_that_comes_first_is_left_alone(screen: Screen, qtbot: QtBot) -> None:
    priming = Priming(screen.viewer, screen.window.sliders)
    priming.begin()

    screen.show(np.ones((8, 8), np.uint16), well="A01")
    qtbot.waitUntil(lambda: priming.is_done, timeout=PATIENCE_MILLISECONDS)

    assert len(screen.viewer.layers) == 1
    assert "A01" in screen.text


def test_a_window_that_is_about_to_go_is_primed_no_more(screen: Screen, qtbot: QtBot) -> None:
    priming = Priming(screen.viewer, screen.window.sliders)
    priming.begin()

    priming.stop()

    assert priming.is_done
    assert not screen.viewer.layers


def test_letters_that_were_put_off_come_when_the_window_speaks(screen: Screen) -> None:
    screen.window.sliders.is_silent = True
    screen.show(np.ones((8, 8), np.uint16), well="A01")
    assert screen.text == ""

    screen.window.sliders.speak()

    assert "A01" in screen.text
