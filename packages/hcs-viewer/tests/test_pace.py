import pytest

from hcs_protocol.testing import FakeClock
from hcs_viewer._pace import Pace


def begun(clock: FakeClock) -> Pace:
    pace = Pace(clock, frame_seconds=0.016, budget_seconds=0.006)
    pace.begin()
    return pace


def test_a_frame_is_on_from_its_beginning_to_its_end() -> None:
    pace = begun(FakeClock())
    assert pace.is_drawing

    pace.end()

    assert not pace.is_drawing


def test_the_budget_is_spent_after_its_time() -> None:
    clock = FakeClock()
    pace = begun(clock)
    assert not pace.is_spent

    clock.advance(0.007)

    assert pace.is_spent


@pytest.mark.parametrize(("took", "rest"), [(0.001, 0.015), (0.010, 0.010), (0.050, 0.050), (30.0, 1.0)])
def test_the_window_rests_as_long_as_it_drew_and_until_the_frame_is_over(took: float, rest: float) -> None:
    clock = FakeClock()
    pace = begun(clock)

    clock.advance(took)

    assert pace.rest_seconds() == pytest.approx(rest)


def test_after_a_frame_that_took_long_more_is_laid_out() -> None:
    clock = FakeClock()
    pace = begun(clock)
    clock.advance(1.0)
    pace.rest_seconds()
    pace.end()

    pace.begin()
    clock.advance(0.2)

    assert not pace.is_spent
    clock.advance(0.1)
    assert pace.is_spent


@pytest.mark.parametrize(("took", "spent_after"), [(0.2, 0.2), (1.0, 0.5)])
def test_several_new_layers_are_laid_out_in_one_frame(took: float, spent_after: float) -> None:
    clock = FakeClock()
    pace = begun(clock)
    clock.advance(took)
    pace.rest_seconds()
    pace.end()

    pace.begin()
    pace.is_adding = True
    clock.advance(spent_after - 0.01)

    assert not pace.is_spent
    clock.advance(0.02)
    assert pace.is_spent
