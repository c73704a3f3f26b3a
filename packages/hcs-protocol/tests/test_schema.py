"""The JSON Schema accepts the kept messages, as a peer in another language would check them."""

import json
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, get_args

import pytest

from hcs_protocol import Message, json_schema
from hcs_protocol.testing import golden_messages

SCHEMA: dict[str, Any] = json_schema()
GOLDEN = golden_messages()


@pytest.mark.parametrize("name", GOLDEN)
def test_the_schema_accepts_the_kept_bytes(name: str) -> None:
    assert _fits(json.loads(GOLDEN[name]), SCHEMA)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_schema_refuses_a_message_without_its_type(name: str) -> None:
    message = json.loads(GOLDEN[name])
    del message["type"]

    assert not _fits(message, SCHEMA)


@pytest.mark.parametrize("last", [-1, 1.5, "7", None, 1 << 63])
def test_the_schema_has_the_limits(last: object) -> None:
    message = {"type": "Beat", "id": "b1", "session": "s1", "last": last}

    assert not _fits(message, SCHEMA)


def test_the_schema_accepts_the_kept_connection_file() -> None:
    kept = files("hcs_protocol") / "golden" / "connection" / "viewer-5556.json"

    assert _fits(json.loads(kept.read_bytes()), SCHEMA["$defs"]["Connection"])


def test_each_message_is_one_of_those_that_may_come() -> None:
    offered = [_resolve(choice["$ref"])["title"] for choice in SCHEMA["anyOf"]]

    assert offered == [message.__name__ for message in get_args(Message)]


def test_each_reference_leads_somewhere() -> None:
    references = {value for key, value in _pairs(SCHEMA) if key == "$ref"}

    assert {f"#/$defs/{name}" for name in SCHEMA["$defs"]} >= references
    assert "#/$defs/ImageSpec" in references


def test_each_definition_says_what_it_is() -> None:
    assert [name for name, shape in SCHEMA["$defs"].items() if not shape.get("description")] == []


# As much of JSON Schema as messages need; a keyword that is not here fails the test.

TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}

KEYWORDS: dict[str, Callable[[Any, Any, dict[str, Any]], bool]] = {
    "$ref": lambda value, target, _: _fits(value, _resolve(target)),
    "additionalProperties": lambda value, rest, _: all(_fits(part, rest) for part in value.values()),
    "anyOf": lambda value, choices, _: any(_fits(value, choice) for choice in choices),
    "enum": lambda value, words, _: value in words,
    "items": lambda value, item, schema: (
        all(_fits(part, item) for part in value) if item else len(value) <= len(schema["prefixItems"])
    ),
    "maxItems": lambda value, most, _: len(value) <= most,
    "maxLength": lambda value, most, _: len(value) <= most,
    "maximum": lambda value, most, _: value <= most,
    "minItems": lambda value, least, _: len(value) >= least,
    "minLength": lambda value, least, _: len(value) >= least,
    "minimum": lambda value, least, _: value >= least,
    "pattern": lambda value, pattern, _: re.search(pattern, value) is not None,
    "prefixItems": lambda value, items, _: all(map(_fits, value, items)),
    "properties": lambda value, fields, _: all(
        _fits(value[name], fields[name]) for name in fields.keys() & value
    ),
    "propertyNames": lambda value, name, _: all(_fits(key, {"type": "string"} | name) for key in value),
    "required": lambda value, names, _: set(names) <= value.keys(),
    "type": lambda value, name, _: (
        isinstance(value, TYPES[name]) and (name == "boolean" or value is not True)
    ),
}
NOTES = {"$schema", "$defs", "contentEncoding", "default", "description", "discriminator", "title"}


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    keywords = sorted(
        schema.keys() - NOTES, key=lambda keyword: keyword != "type"
    )  # the others trust the type
    return all(KEYWORDS[keyword](value, schema[keyword], schema) for keyword in keywords)


def _resolve(reference: str) -> dict[str, Any]:
    resolved: dict[str, Any] = SCHEMA["$defs"][reference.removeprefix("#/$defs/")]
    return resolved


def _pairs(schema: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        yield from ((key, value) for key, value in schema.items() if isinstance(value, str))
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _pairs(part)
