"""What a stranger reads about messages is what the code says."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hcs_protocol import (
    DTYPES,
    MAX_ITEMS,
    MAX_NBYTES,
    Connection,
    ImageSpec,
    UnsupportedArrayError,
    decode,
    json_schema,
)

FOLDER = Path(__file__).parents[3] / "docs" / "reference"
if not FOLDER.is_dir():
    pytest.skip("the pages are in the repository, not in the sdist", allow_module_level=True)

MESSAGES = (FOLDER / "messages.md").read_text(encoding="utf-8")
CONNECTION = (FOLDER / "connection-file.md").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = json.loads(json.dumps(json_schema()))
OF_FILES = {"Connection", "Tunnel"}
STRUCTS = {name: shape for name, shape in SCHEMA["$defs"].items() if "properties" in shape}


@pytest.mark.parametrize("name", STRUCTS)
def test_each_message_has_a_table_of_its_fields(name: str) -> None:
    rows = _table(CONNECTION if name in OF_FILES else MESSAGES, name)

    assert {field for field, _, _ in rows} == STRUCTS[name]["properties"].keys() - {"type"}
    assert {field for field, _, left_out in rows if left_out == "required"} == (
        set(STRUCTS[name]["required"]) - {"type"}
    )


@pytest.mark.parametrize("name", STRUCTS)
def test_the_defaults_in_a_table_are_those_of_the_code(name: str) -> None:
    fields = STRUCTS[name]["properties"]

    for field, _, left_out in _table(CONNECTION if name in OF_FILES else MESSAGES, name):
        default = fields[field].get("default")
        if default is not None and not isinstance(default, dict):  # those are told in words
            assert json.loads(left_out.strip("`")) == default, field


def test_what_is_tagged_otherwise_than_by_its_name_says_its_tag() -> None:
    for name, tag in (("BlockRef", "block"), ("FrameRef", "frame"), ("FileRef", "file")):
        assert f'`"type": "{tag}"`' in _section(MESSAGES, name)


@pytest.mark.parametrize("limit", [MAX_ITEMS, MAX_NBYTES, *DTYPES, "1 MiB", "128 MiB"])
def test_the_limits_are_told(limit: object) -> None:
    limits = MESSAGES.split("## Limits and versions")[1].split("##")[0]

    assert str(limit) in limits


def test_the_largest_sides_that_are_told_are_those_that_are_taken() -> None:
    told = re.search(r"at most (\d+) pixels each, `z` of at most (\d+) planes", MESSAGES)
    assert told is not None
    side, planes = map(int, told.groups())

    ImageSpec(shape=(planes, 1, side), dtype="bool", axes=("z", "y", "x")).check()
    for shape in ((planes + 1, 1, 1), (1, side + 1, 1), (1, 1, side + 1)):
        with pytest.raises(UnsupportedArrayError):
            ImageSpec(shape=shape, dtype="bool", axes=("z", "y", "x")).check()


def test_the_examples_are_messages() -> None:
    examples = re.findall(r"```json\n(.*?)```", MESSAGES, re.DOTALL)

    said = [type(decode(example.encode())).__name__ for example in examples]

    assert said == ["Hello", "Welcome", "Open", "Heard", "Batch", "BlockReleased"]


def test_the_example_of_a_connection_file_is_one() -> None:
    [example] = re.findall(r"```json\n(.*?)```", CONNECTION, re.DOTALL)

    assert msgspec.json.decode(example, type=Connection).data_port == 5556


def test_links_lead_to_headings() -> None:
    headings = {line.lstrip("# ").lower() for line in MESSAGES.splitlines() if line.startswith("##")}
    linked = re.findall(r"\(#([a-z-]+)\)", MESSAGES) + re.findall(r"messages\.md#([a-z-]+)", CONNECTION)

    assert set(linked) <= headings


def test_the_schema_in_the_docs_is_up_to_date() -> None:
    kept = json.loads((FOLDER / "messages.schema.json").read_text(encoding="utf-8"))

    assert _sorted(kept) == _sorted(SCHEMA), "write it anew; messages.md says how"


def _sorted(schema: Any) -> Any:
    """Return a schema with its choices in one order: versions of msgspec differ in theirs."""
    if isinstance(schema, dict):
        return {key: _sorted(value) for key, value in schema.items()}
    return sorted(map(_sorted, schema), key=json.dumps) if isinstance(schema, list) else schema


def _section(page: str, name: str) -> str:
    return page.split(f"\n### {name}\n")[1].split("\n#")[0]


def _table(page: str, name: str) -> list[tuple[str, str, str]]:
    return re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", _section(page, name), re.MULTILINE)
