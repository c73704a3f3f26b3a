"""Which command starts a viewer: the one that was given, or that of a kind of viewer installed here."""

import importlib.metadata
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import TypeAlias

from hcs_protocol import ViewerNotInstalledError

COMMAND = "HCS_VIEWER_COMMAND"
ENTRY_POINTS = "hcs.viewers"
NAPARI = "napari"
NAPARI_PROGRAM = "hcs-viewer"

Command: TypeAlias = str | Sequence[str] | None


def command_to_start(
    given: Command = None, environ: Mapping[str, str] = os.environ, *, kind: str = NAPARI
) -> list[str]:
    """Return the command that starts a viewer, without its arguments.

    Args:
        given: The command itself, before all else.
        environ: Where ``HCS_VIEWER_COMMAND`` is the command of the kind ``napari``.
        kind: A name among the entry points ``hcs.viewers`` of what is installed here.

    Raises:
        ViewerNotInstalledError: There is none, or it is no command.
    """
    if command := given or (environ.get(COMMAND) if kind == NAPARI else None):
        return _words(command, "the viewer's command")
    if kind == NAPARI and (ours := _of_our_viewer()):
        return _command_of(ours)
    kinds = {
        entry_point.name: entry_point for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS)
    }
    if kind in kinds:
        return _command_of(kinds[kind])
    if kind != NAPARI:
        there = ", ".join(sorted({*kinds, NAPARI}))
        raise ViewerNotInstalledError(
            f"wanted a kind of viewer from the entry points {ENTRY_POINTS!r} ({there}), found {kind!r}"
        )
    if found := shutil.which(NAPARI_PROGRAM):
        return [found]
    raise ViewerNotInstalledError(
        "there is no viewer in this environment; either put it there:\n"
        "    pip install hcs-viewer\n"
        f"or say how to start one elsewhere: viewer_command='conda run -n napari hcs-viewer', or ${COMMAND}"
    )


def _of_our_viewer() -> EntryPoint | None:
    """Find it without reading what all other packages bring: that takes longer than to start a process."""
    try:
        brought = importlib.metadata.distribution(NAPARI_PROGRAM).entry_points
    except importlib.metadata.PackageNotFoundError:
        return None
    return next(iter(brought.select(group=ENTRY_POINTS, name=NAPARI)), None)


def _command_of(entry_point: EntryPoint) -> list[str]:
    where = f"{ENTRY_POINTS} entry point {entry_point.name} = {entry_point.value}"
    try:
        found = entry_point.load()
        command = found() if callable(found) else found
    except Exception as error:  # another package's code may raise anything
        raise ViewerNotInstalledError(f"{where} failed: {type(error).__name__}: {error}") from error
    return _words(command, where)


def _words(command: object, where: str) -> list[str]:
    try:
        words = shlex.split(command) if isinstance(command, str) else command
    except ValueError as error:
        raise ViewerNotInstalledError(f"{where} is no command line, {error}: {command!r}") from error
    if isinstance(words, Sequence) and words and all(isinstance(word, str | os.PathLike) for word in words):
        return [os.fspath(word) for word in words]
    raise ViewerNotInstalledError(f"wanted a command line, text or list, from {where}, found {command!r}")
