"""The JSON Schema of every message, for peers that are not written in Python."""

from typing import get_args

import msgspec

from ._connection import Connection
from ._messages import Message


def json_schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of all messages; ``$defs`` also has the connection file's."""
    _, definitions = msgspec.json.schema_components([Message, Connection])
    messages = [{"$ref": f"#/$defs/{message.__name__}"} for message in get_args(Message)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "anyOf": messages,
        "$defs": definitions,
    }
