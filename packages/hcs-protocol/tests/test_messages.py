"""Every message: kept bytes are still read, and what is encoded comes back as it was."""

import json
from collections.abc import Mapping
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect as types

from hcs_protocol import (
    AXES,
    DTYPES,
    Batch,
    DisplayConfiguration,
    ImageSpec,
    Item,
    Message,
    Notice,
    Ping,
    Reply,
    Request,
    UnsupportedArrayError,
    decode,
    encode,
)
from hcs_protocol.testing import golden_messages

GOLDEN = golden_messages()


@pytest.mark.parametrize("name", GOLDEN)
def test_todays_decoder_reads_the_kept_bytes(name: str) -> None:
    message = decode(GOLDEN[name])

    assert json.loads(encode(message)) == json.loads(GOLDEN[name])


def test_the_kept_bytes_of_every_message_are_there() -> None:
    messages = [decode(kept) for kept in GOLDEN.values()]
    items = [item for message in messages if isinstance(message, Batch) for item in message.items]

    assert {type(message) for message in messages} == set(get_args(Message))
    assert {type(item) for item in items} == set(get_args(Item))


def test_each_field_of_each_message_is_somewhere_in_the_kept_bytes() -> None:
    said: set[tuple[str, str]] = set()
    for kept in GOLDEN.values():
        _note_fields(decode(kept), json.loads(kept), said)

    assert _every_field() - said == set()


def test_a_message_says_its_class_in_type() -> None:
    assert encode(Ping(id="p1")) == b'{"type":"Ping","id":"p1"}'


def test_a_default_is_not_sent() -> None:
    kept = json.loads(GOLDEN["batch_image_by_frame.json"])

    assert "display" not in kept["items"][0]


@pytest.mark.parametrize("message", [*get_args(Request), *get_args(Reply), *get_args(Notice)])
def test_a_request_has_an_id_and_a_reply_has_it_too_and_the_rest_has_neither(message: type) -> None:
    names = {"id", "reply_to"} & set(message.__struct_fields__)

    if message in get_args(Request):
        assert names == {"id"}
    else:
        assert names == ({"reply_to"} if message in get_args(Reply) else set())


@pytest.mark.parametrize("message", get_args(Message))
@given(data=st.data())
def test_what_is_encoded_comes_back_as_it_was(message: type, data: st.DataObject) -> None:
    said = data.draw(_values(types.type_info(message)))

    assert decode(encode(said)) == said


def _note_fields(message: object, kept: object, said: set[tuple[str, str]]) -> None:
    if isinstance(message, msgspec.Struct) and isinstance(kept, dict):
        for name in kept.keys() & set(message.__struct_fields__):
            said.add((type(message).__name__, name))
            _note_fields(getattr(message, name), kept[name], said)
    elif isinstance(message, dict) and isinstance(kept, dict):
        for name in kept:
            _note_fields(message[name], kept[name], said)
    elif isinstance(message, list) and isinstance(kept, list):
        for part, kept_part in zip(message, kept, strict=True):
            _note_fields(part, kept_part, said)


def _every_field() -> set[tuple[str, str]]:
    _, definitions = msgspec.json.schema_components(get_args(Message))
    shapes: Mapping[str, dict[str, dict[str, object]]] = definitions
    return {
        (name, field)
        for name, shape in shapes.items()
        for field in shape.get("properties", {})
        if field != "type"
    }


# Any message, made from its own types.


def _values(kind: types.Type) -> st.SearchStrategy[object]:
    match kind:
        case types.StructType():
            return _structs(kind)
        case types.UnionType(types=members):
            return st.one_of(*(_values(member) for member in members))
        case types.ListType(item_type=item, min_length=least):
            return st.lists(_values(item), min_size=least or 0, max_size=3)
        case types.VarTupleType(item_type=item):
            return st.lists(_values(item), min_size=2, max_size=3).map(tuple)
        case types.TupleType(item_types=members):
            return st.tuples(*(_values(member) for member in members))
        case types.DictType(key_type=key, value_type=value):
            return st.dictionaries(_values(key), _values(value), max_size=3)
        case types.StrType():
            return _texts(kind)
        case _:
            return _scalars(kind)


def _scalars(kind: types.Type) -> st.SearchStrategy[object]:
    match kind:
        case types.IntType(ge=least, le=most):
            return st.integers(least, most)
        case types.FloatType(ge=least, le=most):
            return st.floats(least, most, allow_nan=False, allow_infinity=False)
        case types.LiteralType(values=words):
            return st.sampled_from(words)
        case types.EnumType(cls=words):
            return st.sampled_from(list(words))
        case types.BoolType():
            return st.booleans()
        case types.BytesType():
            return st.binary(max_size=100)
        case types.NoneType():
            return st.none()
        case _:
            raise NotImplementedError(kind)


def _texts(kind: types.StrType) -> st.SearchStrategy[str]:
    if kind.pattern:
        return st.from_regex(kind.pattern, alphabet=st.characters(codec="utf-8"))
    return st.text(min_size=kind.min_length or 0, max_size=min(kind.max_length or 20, 20))


def _structs(kind: types.StructType) -> st.SearchStrategy[object]:
    fields = {field.name: _values(field.type) for field in kind.fields}
    if kind.cls is DisplayConfiguration:
        rising = st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=2, unique=True).map(sorted).map(tuple)
        fields["contrast_limits"] = st.none() | rising
    elif kind.cls is ImageSpec:
        layouts = st.sampled_from([((7, 1 << 24), AXES[0]), ((3, 2048, 1), AXES[1]), ((5, 6, 4), AXES[2])])
        kinds = fields | {"dtype": st.sampled_from(list(DTYPES))}
        return st.builds(_spec, layouts, st.fixed_dictionaries(kinds)).filter(_can_be_drawn)
    return st.builds(kind.cls, **fields)


def _spec(layout: tuple[tuple[int, ...], tuple[str, ...]], fields: dict[str, object]) -> ImageSpec:
    shape, axes = layout
    return msgspec.convert(fields | {"shape": shape, "axes": axes}, ImageSpec)


def _can_be_drawn(spec: ImageSpec) -> bool:
    try:
        spec.check()
    except UnsupportedArrayError:  # labels of floating-point numbers
        return False
    return True
