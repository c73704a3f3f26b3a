import ast
import inspect

import msgspec
import pytest

from hcs_protocol import (
    COMPONENTS,
    DimensionMode,
    DisplayConfiguration,
    UnsupportedArrayError,
    _display,
    display_with_modes,
)


def test_channels_get_layers_and_all_else_gets_sliders() -> None:
    display = DisplayConfiguration()

    sliced = [name for name in COMPONENTS if display.mode(name) is DimensionMode.SLICE]

    assert sliced == ["channel"]


def test_a_mode_is_said_by_its_field() -> None:
    display = DisplayConfiguration(well_mode=DimensionMode.SLICE)

    assert display.mode("well") is DimensionMode.SLICE


def test_a_component_added_to_the_vocabulary_gets_its_mode_field() -> None:
    added = display_with_modes((*COMPONENTS, "laser"))

    assert set(added.__struct_fields__) - set(DisplayConfiguration.__struct_fields__) == {"laser_mode"}
    assert added().mode("laser") is DimensionMode.STACK


def test_a_display_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        DisplayConfiguration().colormap = "red"  # type: ignore[misc]  # that is the point


def test_a_type_checker_sees_the_fields_that_there_are() -> None:
    common = set(_display._Display.__struct_fields__)
    fields = [field for field in msgspec.structs.fields(DisplayConfiguration) if field.name not in common]
    real = {field.name: (field.type.__name__, str(field.default)) for field in fields}

    assert _twins_fields() == real


@pytest.mark.parametrize("limits", [(5.0, 1.0), (1.0, 1.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_contrast_limits_rise_and_are_finite(limits: tuple[float, float]) -> None:
    with pytest.raises(UnsupportedArrayError, match="rise"):
        DisplayConfiguration(contrast_limits=limits).check()


def test_contrast_limits_may_be_left_to_the_viewer() -> None:
    DisplayConfiguration().check()
    DisplayConfiguration(contrast_limits=(-1.5, 4095.0)).check()


def _twins_fields() -> dict[str, tuple[str, str]]:
    tree = ast.parse(inspect.getsource(_display))
    [twin] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name == "DisplayConfiguration"
    ]
    lines = [node for node in twin.body if isinstance(node, ast.AnnAssign) and node.value]
    return {
        ast.unparse(line.target): (
            ast.unparse(line.annotation),
            str(DimensionMode[ast.unparse(line.value).removeprefix("DimensionMode.")]),
        )
        for line in lines
    }
