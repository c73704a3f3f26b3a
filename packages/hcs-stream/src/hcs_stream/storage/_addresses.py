"""From an image's path to its address on a plate."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from hcs_protocol import COMPONENTS
from hcs_stream.microscopes import ImageFile, UnknownFileNameError, parse_path, parse_paths

LONGEST_NAME = 500
Address: TypeAlias = dict[str, object]
"""Components by name; those that are unknown are left out."""


def plate_address(
    path: Path, *, maker: str | None = None, root: str | os.PathLike[str] | None = None
) -> Address | None:
    """Return what a path says of its image; None if no grammar knows it.

    Args:
        path: The image's.
        maker: Whose grammar; all are tried by default.
        root: The plate's folder.
    """
    try:
        found = parse_path(path, maker=maker, root=None if root is None else Path(root))
    except UnknownFileNameError:
        return None
    return _components(found)


def addresses_of(
    paths: Sequence[Path], *, maker: str | None = None, root: str | os.PathLike[str] | None = None
) -> list[Address]:
    """Return what paths say of their images, of which no two get the same.

    If no grammar knows an image, its name as a channel tells it apart; if that is taken, with its folders.
    """
    known = parse_paths(paths, maker=maker, root=root)
    names: set[str] = set()
    addresses: list[Address] = []
    for path, found in zip(paths, known, strict=True):
        if found is not None:
            addresses.append(_components(found))
            continue
        name = path.name if path.name not in names else str(path)
        names.add(name)
        addresses.append({"channel": name[-LONGEST_NAME:]})
    return addresses


def _components(found: ImageFile) -> Address:
    """Return components; the plate of an image without a folder is unknown too."""
    named = ((name, getattr(found, name)) for name in COMPONENTS)
    return {name: value for name, value in named if value is not None and value != ""}
