"""What the page of settings says is what there is."""

import dataclasses
import re
from pathlib import Path

import pytest

from hcs_stream.config import NapariStreamingConfig, PipelineConfig
from hcs_stream.config._environment import CONFIG, OTHERS, variables

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "reference" / "settings.md"
if not PAGE.is_file():
    pytest.skip("the pages are in the repository, not in the sdist", allow_module_level=True)

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]


def test_each_field_has_its_variable_and_its_default() -> None:
    said = {row[0].strip("`"): (re.findall(r"HCS_\w+", row[1]), row[2].strip("`")) for row in ROWS}

    for config in (NapariStreamingConfig, PipelineConfig):
        by_field: dict[str, list[str]] = {}
        for variable, field in variables(config).items():
            by_field.setdefault(field, []).insert(0, variable)
        for field, named in by_field.items():
            defaults = {one.name: one.default for one in dataclasses.fields(config)}
            default = getattr(defaults[field], "value", defaults[field])
            assert said[field] == (named, f'"{default}"' if isinstance(default, str) else repr(default))


def test_all_variables_are_known_and_only_those() -> None:
    on_page = {variable for row in ROWS for cell in row[:2] for variable in re.findall(r"HCS_\w+", cell)}

    assert on_page == {*variables(NapariStreamingConfig), *variables(PipelineConfig), *OTHERS, CONFIG}


def test_every_variable_in_the_code_is_known() -> None:
    sources = [path.read_text(encoding="utf-8") for path in ROOT.glob("packages/*/src/**/*.py")]
    quoted = {name for text in sources for name in re.findall(r'"(HCS_[A-Z_]+[A-Z])"', text)}

    assert quoted <= {*variables(NapariStreamingConfig), *variables(PipelineConfig), *OTHERS, CONFIG}
