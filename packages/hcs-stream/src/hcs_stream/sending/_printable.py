"""Text of somebody else, such as a file's name, as a terminal may get it."""

from hcs_stream._unicode import readable

__all__ = ["printable", "readable"]


def printable(text: str) -> str:
    """Return a text without escapes and other controls."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
