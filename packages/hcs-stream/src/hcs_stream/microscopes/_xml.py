"""Makers' XML, read piece by piece: a plate's index may have hundreds of megabytes."""

import logging
from collections.abc import Collection, Iterator
from math import isfinite
from pathlib import Path
from typing import TypeAlias
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

logger = logging.getLogger(__name__)

Attributes: TypeAlias = dict[str, str]


def elements(path: Path, tags: Collection[str], unread: list[Path]) -> Iterator[tuple[str, Element]]:
    """Yield each element of these tags, whatever their namespace, and forget it afterwards.

    A file that is cut off, that is no XML, or that declares entities (which may unfold to gigabytes) ends
    the iteration and is added to ``unread``.
    """
    try:
        yield from _elements(path, tags)
    except (OSError, ParseError, DefusedXmlException, LookupError, ValueError) as error:
        logger.warning("metadata unreadable path=%s error=%s", path, error)
        unread.append(path)


def local(tag: str) -> str:
    """Return a tag or an attribute without its namespace."""
    return tag.rpartition("}")[2]


def texts(element: Element) -> dict[str, str]:
    """Return the text of each child by its tag."""
    return {local(child.tag): (child.text or "").strip() for child in element}


def attributes(element: Element) -> Attributes:
    """Return an element's attributes by their names without namespace."""
    return {local(name): value for name, value in element.attrib.items()}


def real(text: str | None) -> float | None:
    """Return a finite number, or None for what is none."""
    try:
        number = float(text or "nan")
    except ValueError:
        return None
    return number if isfinite(number) else None


def _elements(path: Path, tags: Collection[str]) -> Iterator[tuple[str, Element]]:
    parents: list[Element] = []
    inside = 0
    with path.open("rb") as file:
        for event, element in iterparse(file, events=("start", "end")):
            tag = local(element.tag)
            if event == "start":
                parents.append(element)
                inside += tag in tags
                continue
            parents.pop()
            if tag in tags:
                inside -= 1
                yield tag, element
            if parents and not inside:
                parents[-1].remove(element)
