"""Text of somebody else, such as a file's name, as a terminal may get it."""


def readable(text: str) -> str:
    """Return a file's name as Unicode, whatever its bytes were: else it cannot be sent or encoded."""
    return text.encode("utf-8", "replace").decode()


def printable(text: str) -> str:
    """Return a text without escapes and other controls."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
