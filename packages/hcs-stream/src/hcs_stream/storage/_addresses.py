"""From an image's path to its address on a plate."""

import os
from pathlib import Path
from typing import TypeAlias

from hcs_protocol import COMPONENTS
from hcs_stream.microscopes import UnknownFileNameError, parse_path

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
    return {name: value for name in COMPONENTS if (value := getattr(found, name)) is not None}


def address_of(
    path: Path, *, maker: str | None = None, root: str | os.PathLike[str] | None = None
) -> Address:
    """Return what a path says of its image; if no grammar knows it, its name as a channel tells it apart."""
    known = plate_address(path, maker=maker, root=root)
    return {"channel": path.name[:LONGEST_NAME]} if known is None else known
