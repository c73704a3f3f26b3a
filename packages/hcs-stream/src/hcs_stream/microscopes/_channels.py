"""Names of channels in place of their numbers."""

from collections.abc import Collection, Mapping


def tell_apart(names: Mapping[str, str], numbers: Collection[str]) -> dict[str, str]:
    """Return the names, or none if they do not tell channels apart.

    They do not if two are the same, or if one is another channel's number.

    Args:
        names: By the channel's number; ``"405"`` is a name, too.
        numbers: Of all channels.
    """
    unequal = len(set(names.values())) == len(names)
    confused = any(_number(name) in {*numbers} - {number} for number, name in names.items())
    return dict(names) if unequal and not confused else {}


def _number(name: str) -> str:
    return name.lstrip("0") or "0"
