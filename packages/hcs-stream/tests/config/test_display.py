"""The display configuration is the protocol's, component for component."""

import ast
import dataclasses
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import hcs_protocol
from hcs_protocol import (
    COMPONENTS,
    DimensionMode,
    DisplayConfiguration,
    VariableSizeHandling,
    display_with_modes,
)
from hcs_stream.config import (
    NapariColormap,
    NapariDimensionMode,
    NapariDisplayConfig,
    NapariVariableSizeHandling,
    _display,
    display_config,
    lazy_twin,
)

CHILD = """
from dataclasses import fields
from hcs_stream.config import LazyNapariStreamingConfig, NapariStreamingConfig, resolve
config = resolve(LazyNapariStreamingConfig(laser_mode="slice"))
print([field.name for field in fields(NapariStreamingConfig) if field.name == "laser_mode"])
print(NapariStreamingConfig().laser_mode, config.laser_mode, config.display().laser_mode)
"""


def test_its_fields_and_defaults_are_the_protocols() -> None:
    theirs = {field.name: field.default for field in msgspec.structs.fields(DisplayConfiguration)}
    ours = {field.name: field.default for field in dataclasses.fields(NapariDisplayConfig)}

    assert ours == theirs | {"colormap": NapariColormap.GRAY}
    assert list(ours) == list(theirs)


def test_its_enumerations_are_the_protocols() -> None:
    assert NapariDimensionMode is DimensionMode
    assert NapariVariableSizeHandling is VariableSizeHandling


def test_a_component_added_to_the_vocabulary_gets_its_mode() -> None:
    made = display_config(display_with_modes((*COMPONENTS, "laser")))
    config = made(laser_mode="SLICE")  # type: ignore[call-arg]  # that is the point

    assert {field.name for field in dataclasses.fields(made)} - {  # type: ignore[arg-type]  # it is one
        field.name for field in dataclasses.fields(NapariDisplayConfig)
    } == {"laser_mode"}
    assert config.display().mode("laser") is DimensionMode.SLICE
    assert "laser_mode" in inspect.signature(lazy_twin(made)).parameters


def test_a_line_in_the_vocabulary_is_all_that_a_new_component_takes(tmp_path: Path) -> None:
    copied = tmp_path / "hcs_protocol"
    shutil.copytree(Path(hcs_protocol.__file__).parent, copied)
    vocabulary = copied / "_components.py"
    line = "    channel: ComponentValue | None = None\n"
    text = vocabulary.read_text("utf-8")
    assert line in text
    vocabulary.write_text(text.replace(line, f"{line}    laser: ComponentValue | None = None\n"), "utf-8")

    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
    )

    assert done.stdout.splitlines() == ["['laser_mode']", "stack slice slice"], done.stderr


def test_a_type_checker_sees_the_fields_that_there_are() -> None:
    tree = ast.parse(inspect.getsource(_display))
    [twin] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name == "NapariDisplayConfig"
    ]
    seen = {
        ast.unparse(line.target): ast.unparse(line.value).rpartition(".")[2]
        for line in twin.body
        if isinstance(line, ast.AnnAssign) and line.value
    }

    there_are = {
        field.name: getattr(field.default, "name", str(field.default))
        for field in dataclasses.fields(NapariDisplayConfig)
    }
    assert seen == there_are


@pytest.mark.parametrize("name", NapariColormap)
def test_a_colormaps_member_is_called_as_the_colormap(name: NapariColormap) -> None:
    assert NapariColormap[name.upper().replace(" ", "_")] is name
