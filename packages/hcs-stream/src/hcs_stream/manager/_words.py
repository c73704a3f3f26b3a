"""Counts as people read them."""

THIN = "\N{NARROW NO-BREAK SPACE}"


def number(count: int) -> str:
    """Return a number with its thousands apart."""
    return f"{count:,}".replace(",", THIN)


def images(count: int) -> str:
    """Say ``"1 image"``, ``"50 000 images"``."""
    return "1 image" if count == 1 else f"{number(count)} images"


def several(count: int, one: str) -> str:
    """Say ``"1 well"``, ``"384 wells"``."""
    return f"1 {one}" if count == 1 else f"{number(count)} {one}s"
