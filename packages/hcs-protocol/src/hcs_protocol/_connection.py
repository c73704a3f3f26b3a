"""The connection file: permission to talk to a viewer, and the registry of running viewers."""

import codecs
import contextlib
import ipaddress
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ._errors import ConnectionFileError
from ._runtime_folders import check_private, is_private_folder, make_private

PREFIX = "viewer-"
MAX_CONNECTION_NBYTES = 1 << 16
BEGIN = re.compile(rb"^[ \t]*\{", re.MULTILINE)
"""Of a connection file: a shell may have said something before, with braces in it."""
SECRET, HIDDEN = "client_secret_key", "…"
Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
LARGEST = [Z85.index(letter) for letter in "%nSc0"]
KEY_LENGTH = 40
HOST = re.compile(r"[0-9A-Za-z:][0-9A-Za-z.:%_-]*")
"""What ZeroMQ takes for an address or a name; it takes no other letters."""
RUN = re.compile(r'(?:(?![\\/:*?"<>|])[ -~]){1,64}')
"""One life of a viewer, by which files are named: ASCII that every file system takes, no other folder."""
NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # nor a pipe that makes its reader wait

Port = Annotated[int, Meta(ge=1, le=65535)]


class Tunnel(msgspec.Struct, frozen=True, kw_only=True):
    """What leads to a viewer on another machine, and which process here keeps it open."""

    host: str
    """What the viewer's machine is called here: whoever asks for this host finds it."""
    far_end: str
    """The machine at the other end, for people."""
    pid: Annotated[int, Meta(ge=1)]
    """The process that keeps it; without that, the ports lead nowhere."""
    start_time: float
    start_ticks: Annotated[int, Meta(ge=0)] = 0
    machine: str = ""
    """Where that process is, as `this_machine` says: the ports are those of this machine alone."""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """Where a viewer listens, which process it is, and the CURVE keys (Z85) that open it."""

    protocol_version: int
    viewer_run: str
    title: str
    host: str
    data_port: Port
    control_port: Port
    requested_port: Port
    """The data port that was asked for; the viewer may have moved to the next free pair."""
    pid: Annotated[int, Meta(ge=1)]  # 0 and below name groups of processes, and pids get signals
    start_time: float
    """Seconds since 1970; with the pid it names one process."""
    public_key: str
    """The viewer's. All three are empty if it lets everybody on its machine in."""
    client_public_key: str
    client_secret_key: str
    """Whoever has this may talk to the viewer."""
    start_ticks: Annotated[int, Meta(ge=0)] = 0
    """When its process started, in ticks since the machine did, which no clock changes; 0 if unknown."""
    machine: str = ""
    """Where its pid means its process, as `this_machine` says; empty if unknown."""
    owns_process: bool = True
    """Whether the process ends with the viewer; a napari that a user started lives on without it."""
    tunnel: Tunnel | None = None
    """If host and ports are the near end of a tunnel to another machine, where the process is."""

    @property
    def is_secure(self) -> bool:
        """Whether the viewer lets in nobody but who has the keys, and what is said is encrypted."""
        return bool(self.public_key)

    def __repr__(self) -> str:
        """Show everything but the secret: errors and logs show this."""
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({fields})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return the fields, the secret one hidden."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        return list((shown | {SECRET: HIDDEN if self.is_secure else ""}).items())


def start_ticks(pid: int) -> int:
    """Return when a process started, in ticks since the machine did (``proc(5)``, field 22); 0 if unknown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return int(fields[19])
    except (OSError, ValueError, IndexError):
        return 0


def this_machine() -> str:
    """Return what tells this machine, since it started, from others; and a container's pids from its host's.

    An empty text where there is no such thing. Folders may be shared between machines, pids are not.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except (OSError, UnicodeDecodeError):
        return ""


def is_loopback(host: str) -> bool:
    """Say whether an address is reached from this machine alone."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = address.ipv4_mapped if address.version == 6 else None  # Python 3.13 looks into it, others do not
    return (mapped or address).is_loopback


def write_connection(connection: Connection, folders: list[Path]) -> Path:
    """Write a connection file, readable by this user alone, into the first folder that takes it.

    Raises:
        ConnectionFileError: None of the folders can be written, or they are open to others.
    """
    refused = []
    for folder in folders:
        try:
            return _write(connection, folder)
        except OSError as error:
            refused.append(f"{folder}: {error.strerror}")
        except ConnectionFileError as error:
            refused.append(str(error))
    raise ConnectionFileError(
        f"no folder takes the connection file ({'; '.join(refused)}); set HCS_RUNTIME_DIR to one of yours"
    )


def read_connection(path: Path) -> Connection:
    """Read a connection file.

    Raises:
        ConnectionFileError: It is missing, a link, malformed, not this user's, open to others, or has no keys
            for a viewer of another machine.
    """
    try:
        with open(path, "rb", opener=_open_no_link) as file:
            check_private(os.fstat(file.fileno()), path, stat.S_IFREG)
            return _checked(msgspec.json.decode(file.read(MAX_CONNECTION_NBYTES), type=Connection), path)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConnectionFileError(f"no connection file: {error} ({path})") from error


def decode_connection(data: bytes, source: str, host: str | None = None) -> Connection:
    """Return what a connection file says that came from somewhere else, as through a pipe.

    Args:
        data: The file, and maybe what a shell said before it.
        source: Where it came from, for the error.
        host: What the viewer's machine is called here; None is what the file says.

    Raises:
        ConnectionFileError: There is none in it, or nobody could be reached by it.
    """
    wanted = "wanted the connection file of a viewer, found"
    said = _utf8(data)
    begins = [match.start() for match in BEGIN.finditer(said)] or [said.find(b"{")]
    problem: Exception | None = None
    for begin in begins if b"{" in said else []:
        try:
            found = msgspec.json.decode(said[begin : said.rfind(b"}") + 1], type=Connection)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            problem = problem or error
        else:
            return _checked(msgspec.structs.replace(found, host=host) if host else found, source)
    instead = str(problem or ("something else" if said.strip() else "nothing"))
    raise ConnectionFileError(f"{wanted} {instead} ({source})") from problem


def _utf8(data: bytes) -> bytes:
    """Return a text as UTF-8: Windows' shell writes what goes to a file as UTF-16."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace").encode()
    return data


def skipped_connections(folders: list[Path]) -> list[str]:
    """Return what is wrong with the connection files that `find_connections` passes over."""
    problems = []
    for path in (path for folder in folders for path in sorted(folder.glob(f"{PREFIX}*.json"))):
        try:
            read_connection(path)
        except ConnectionFileError as error:
            problems.append(str(error))
    return problems


def find_connections(folders: list[Path]) -> Iterator[tuple[Path, Connection]]:
    """Yield all readable connection files of this user; the viewers may be gone since.

    A folder that others may use is not looked into: what lies there may have been put or swapped by them.
    """
    for folder in filter(is_private_folder, folders):
        for path in sorted(folder.glob(f"{PREFIX}*.json")):
            with contextlib.suppress(ConnectionFileError):
                yield path, read_connection(path)


def _checked(connection: Connection, source: Path | str) -> Connection:
    """Refuse what is no machine, run or key, and to talk to another machine in the clear.

    Raises:
        ConnectionFileError: The file says so.
    """
    keys = connection.public_key, connection.client_public_key, connection.client_secret_key
    if not HOST.fullmatch(connection.host):
        raise ConnectionFileError(
            f"wanted the name or address of the machine with viewer {connection.title!r}, in ASCII, without "
            f"a user, found {connection.host!r} ({source})"
        )
    if not RUN.fullmatch(connection.viewer_run):
        raise ConnectionFileError(
            f"wanted 1 to 64 letters of a file's name as the viewer_run of the viewer at "
            f"{connection.host!r}, found {connection.viewer_run[:64]!r} ({source})"
        )
    if not all(_is_key(key) for key in keys if key):
        raise ConnectionFileError(
            f"wanted keys of {KEY_LENGTH} characters (Z85) of the viewer at {connection.host!r}, found "
            f"something else; copy its connection file anew ({source})"
        )
    if not all(keys) and (any(keys) or not is_loopback(connection.host)):
        raise ConnectionFileError(
            f"wanted three keys of the viewer at {connection.host!r}, found {sum(map(bool, keys))}; "
            f"copy its connection file anew ({source})"
        )
    return connection


def _is_key(text: str) -> bool:
    """Say whether ZeroMQ takes this for a key: each five letters are a number of 32 bits."""
    digits = [Z85.find(letter) for letter in text]
    fives = [digits[begin : begin + 5] for begin in range(0, len(digits), 5)]
    return len(text) == KEY_LENGTH and min(digits) >= 0 and max(fives) <= LARGEST


def _write(connection: Connection, folder: Path) -> Path:
    make_private(folder)
    path = _free_path(connection, folder)
    new = folder / f".{PREFIX}{connection.viewer_run}.new"
    try:
        with open(new, "wb", opener=_open_private) as file:
            file.write(msgspec.json.format(msgspec.json.encode(connection)))
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return path


def _free_path(connection: Connection, folder: Path) -> Path:
    """Return a name that no other viewer's file has: other machines, and other addresses, have this port too.

    Who had the very address before is gone.
    """
    path = folder / f"{PREFIX}{connection.data_port}.json"
    try:
        there = read_connection(path)
    except ConnectionFileError:
        return path
    is_own = there.viewer_run == connection.viewer_run or _address(there) == _address(connection)
    return path if is_own else path.with_name(f"{path.stem}-{connection.viewer_run}.json")


def _address(connection: Connection) -> tuple[str, str, int]:
    machine = connection.tunnel.machine if connection.tunnel else connection.machine
    return machine, connection.host, connection.data_port


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | NO_LINK)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
