"""What another user of this machine tries: it becomes one, tries all of it, and says how each try ended.

Everything is imported before, for the other user may not be able to read it.
"""

import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

Tries = dict[str, Callable[[], object]]


def main(pid: int, port: int, user: int, *folders: str) -> None:
    """Write, as JSON, what came of each try: the name of an error, or what succeeded."""
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    tries = {**_at_process(pid), **_at_ports(port), **_at_files(map(Path, folders))}
    json.dump({name: _outcome(attempt) for name, attempt in tries.items()}, sys.stdout)


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        return f"done: {attempt()!r}"
    except OSError as error:
        return type(error).__name__


def _at_process(pid: int) -> Tries:
    tries: Tries = {}
    for number in (0, signal.SIGTERM, signal.SIGKILL):
        tries[f"send {number}"] = partial(os.kill, pid, number)
    for name in ("environ", "mem", "fd/0", "maps"):
        tries[f"read {name} of its process"] = partial(_read, Path(f"/proc/{pid}/{name}"))
    return tries


def _at_ports(port: int) -> Tries:
    return {
        f"listen on {each}": partial(socket.create_server, ("127.0.0.1", each))
        for each in (port, port + 1000)
    }


def _at_files(folders: Iterable[Path]) -> Tries:
    verbs: dict[str, Callable[[Path], object]] = {
        "look into": os.listdir,
        "read": _read,
        "write": _write,
        "remove": os.unlink,
        "put beside": _put_beside,
        "connect to": _connect,
    }
    paths = [path for folder in folders for path in (folder, *_below(folder))]
    return {f"{verb} {path}": partial(attempt, path) for path in paths for verb, attempt in verbs.items()}


def _write(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


def _put_beside(path: Path) -> None:
    (path / "viewer-5555.json").touch()


def _below(folder: Path) -> list[Path]:
    return NAMES.get(folder, [])


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with contextlib.closing(os.fdopen(descriptor, "rb")) as file:
        return file.read(1)


def _connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


NAMES: dict[Path, list[Path]] = {}
"""What lies in each folder: another user may not be able to see it, but may know it."""

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    for each in given["folders"]:
        NAMES[Path(each)] = sorted(Path(each).rglob("*"))
    main(given["pid"], given["port"], given["user"], *given["folders"])
