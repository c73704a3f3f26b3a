from hypothesis import given
from hypothesis import strategies as st

from hcs_protocol import RunStarted
from hcs_viewer._axes import Axes, Axis

VALUES = st.none() | st.integers(-20, 20) | st.text("aA01 -", max_size=3)


def test_an_axis_without_values_is_one_position_long() -> None:
    assert len(Axis()) == 1


def test_a_value_that_is_known_is_not_new() -> None:
    axis = Axis()

    assert [axis.add("A01"), axis.add("A01")] == [True, False]


@given(st.lists(VALUES), st.randoms())
def test_the_order_of_arrival_changes_no_position(values: list[int | str | None], chance: object) -> None:
    shuffled = chance.sample(values, len(values))
    axes = Axis(), Axis()
    for axis, order in zip(axes, (values, shuffled), strict=True):
        for value in order:
            axis.add(value)

    assert axes[0].values == axes[1].values


@given(st.lists(VALUES), st.lists(VALUES))
def test_while_an_axis_is_held_no_value_moves(
    values: list[int | str | None], later: list[int | str | None]
) -> None:
    axis = Axis()
    for value in values:
        axis.add(value)
    before = axis.values.copy()

    for value in later:
        axis.add(value, is_held=True)

    assert axis.values[: len(before)] == before
    assert [axis.index(value) for value in axis.values] == list(range(len(axis.values)))


@given(st.lists(VALUES))
def test_an_axis_that_is_no_longer_held_is_sorted_once_a_value_comes(values: list[int | str | None]) -> None:
    held, sorted_axis = Axis(), Axis()
    for value in (*values, "new"):
        sorted_axis.add(value)

    for value in values:
        held.add(value, is_held=True)
    held.add("new")

    assert held.values == sorted_axis.values
    assert [held.index(value) for value in held.values] == list(range(len(held.values)))


def test_values_and_indexes_lead_to_each_other() -> None:
    axes = Axes()
    for well in ("B01", "A01"):
        axes.add("well", well)

    assert [axes.value("well", index) for index in (0, 1, 2)] == ["A01", "B01", None]
    assert [axes.index("well", well) for well in ("A01", "B01", "C01")] == [0, 1, 0]


def test_growth_tells_that_a_length_changed() -> None:
    axes = Axes()
    seen = {axes.growth}
    for act in (lambda: axes.add("well", "A01"), lambda: axes.add("well", "A02"), axes.clear):
        act()
        seen.add(axes.growth)

    assert len(seen) == 4


def test_a_known_value_is_no_growth() -> None:
    axes = Axes()
    axes.add("well", "A01")
    growth = axes.growth

    axes.add("well", "A01")

    assert axes.growth == growth


def test_declared_values_get_positions_when_a_layer_stacks_them() -> None:
    axes = Axes()
    axes.declare(RunStarted(sequence=1, run="r1", wells=["A01"], channels=["DAPI"]))

    axes.stack("r1", "well")
    axes.stack("r2", "channel")

    assert axes["well"].values == ["A01"]
    assert axes["channel"].values == []


def test_a_run_still_expects_what_it_declared_before_the_axes_were_cleared() -> None:
    axes = Axes()
    axes.declare(RunStarted(sequence=1, run="r1", wells=["A01", "A02"]))

    axes.clear()
    axes.stack("r1", "well")

    assert axes["well"].values == ["A01", "A02"]
