"""Names of files as Unicode, which messages and metadata are."""


def readable(text: str) -> str:
    """Return a file's name as Unicode, whatever its bytes were: else it cannot be sent or encoded."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
