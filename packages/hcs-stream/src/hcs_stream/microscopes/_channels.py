"""Names of channels in place of their numbers."""

from collections.abc import Mapping


def tell_apart(names: Mapping[str, str]) -> dict[str, str]:
    """Return the names, or none if they do not tell channels apart.

    They do not if two are the same, or if one could be another channel's number.
    """
    unequal = len(set(names.values())) == len(names)
    return dict(names) if unequal and not any(name.isdecimal() for name in names.values()) else {}
