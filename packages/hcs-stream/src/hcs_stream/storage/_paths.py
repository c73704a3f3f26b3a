"""Paths that callers give: checked once, before anything is written or sent."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from ._errors import UnsafePathError, WrongBatchError

PathLike: TypeAlias = str | os.PathLike[str]
HOME = "~"


def checked_path(path: PathLike, root: Path | None = None) -> Path:
    """Return a path that stays where it seems to be.

    Args:
        path: A relative one is below ``root``, if there is one; ``~`` is the user's home.
        root: The folder that it must not leave.

    Raises:
        UnsafePathError: It has ``..`` in it, leaves the root, or is no path at all.
    """
    try:
        text = os.fsdecode(path)
    except TypeError as error:
        raise UnsafePathError(repr(path), "a path") from error
    if not text.strip() or "\0" in text:
        raise UnsafePathError(text, "a path that is not empty and has no NUL in it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnsafePathError(ascii(text), "a path that is valid Unicode") from error
    found = Path(text)
    if ".." in found.parts:
        raise UnsafePathError(text, "a path without '..' (Path.resolve makes one)")
    if found.parts[:1] == (HOME,):
        found = found.expanduser()
    if root is not None:
        found = root / found
        if not found.resolve().is_relative_to(root.resolve()):
            raise UnsafePathError(text, f"a path below {str(root)!r}")
    return found


def checked_batch(
    data: Sequence[object], paths: Sequence[PathLike], root: Path | None
) -> tuple[list[object], list[Path]]:
    """Return images and where each of them goes.

    Raises:
        WrongBatchError: There are more of one than of the other, or two images have one path.
        UnsafePathError: As `checked_path`.
    """
    images, checked = list(data), checked_paths(paths, root)
    if len(images) != len(checked):
        raise WrongBatchError(
            f"wanted one path for each image, found {len(images)} images, {len(checked)} paths"
        )
    files = [os.path.normcase(os.path.abspath(path)) for path in checked]
    if len(set(files)) < len(files):
        twice = next(path for path, file in zip(checked, files, strict=True) if files.count(file) > 1)
        raise WrongBatchError(f"wanted a path of its own for each image, found twice {str(twice)!r}")
    return images, checked


def checked_paths(paths: Sequence[PathLike], root: Path | None) -> list[Path]:
    """Return the paths of a batch.

    Raises:
        WrongBatchError: It is a single path.
        UnsafePathError: As `checked_path`.
    """
    if isinstance(paths, str | bytes | os.PathLike):
        raise WrongBatchError(f"wanted a sequence of paths, found a single one: {paths!r}")
    return [checked_path(path, root) for path in paths]
