"""Print the connection file of a running viewer, for a machine whose pipelines are to reach it.

Examples:
  hcs-viewer connection --ssh user@server        pipelines there stream to the viewer here, until Ctrl-C:
                                                 a tunnel, for a viewer that listens on this machine alone
  ssh user@workstation hcs-viewer connection --host workstation | hcs-stream connection add -
                                                 the other way round, for a viewer that listens to others
  hcs-viewer connection --host workstation | ssh user@server hcs-stream connection add -
                                                 the same, typed at the viewer's machine
  hcs-viewer connection 5557 --to viewer.json    of another viewer, to a file that you alone can read
  hcs-viewer connection --path                   where the file lies

Whoever has the file may send images to the viewer, ask it and close it, until it ends: the keys are new each
time. So it is not printed on a terminal. Where ssh leads to the viewer's machine,
hcs_stream.connect("user@host") and 'hcs-stream send --ssh user@host' get it by themselves, with a tunnel.
Exit status: 0 done, 1 no such viewer or it could not be done, 2 wrong usage.
"""

import argparse
import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from hcs_protocol import (
    Connection,
    ConnectionFileError,
    HcsError,
    InvalidPortError,
    check_data_port,
    default_data_port,
    new_id,
)
from hcs_protocol.ssh import SshPlace, ssh_place

from ._running import Running, running_viewers

HERE = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::", "*"})


def connection_command(arguments: Sequence[str]) -> int:
    """Do what ``hcs-viewer connection`` is told; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _do(options)
    except (HcsError, OSError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 0


def _do(options: argparse.Namespace) -> int:
    if options.all:
        return _print_all(options.host)
    found = _viewer(options.port)
    if options.path:
        sys.stdout.write(f"{found.path}\n")
    elif options.ssh:
        return _share(found, ssh_place(options.ssh), options.port)
    elif options.to:
        _write(options.to, _file(found.connection, options.host))
    elif sys.stdout.isatty():
        return _fail(_not_on_a_terminal(found.connection))
    else:
        _print(_file(found.connection, options.host))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hcs-viewer connection",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "port",
        nargs="?",
        type=_port,
        metavar="PORT",
        help="the data port that it has, or was asked for; else $HCS_DATA_PORT, else 5555, else the only one",
    )
    parser.add_argument(
        "--host", type=_host, metavar="NAME", help="the address by which the other machine reaches this one"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--ssh",
        metavar="USER@SERVER",
        help="make a tunnel for the pipelines there, and keep it; 'ssh://USER@GATEWAY/USER@SERVER' goes "
        "through a machine in between. 'hcs-stream' there may be called $HCS_REMOTE_STREAM",
    )
    where.add_argument("--to", type=Path, metavar="FILE", help="write it there, for this user alone to read")
    where.add_argument("--path", action="store_true", help="print where it lies, not what it says")
    where.add_argument("--all", action="store_true", help="print all of this user's, one a line")
    return parser


def _viewer(port: int | None) -> Running:
    running = running_viewers()
    wanted = default_data_port() if port is None else port
    at_port = [each for each in running if each.connection.data_port == wanted]
    asked_for = [each for each in running if each.connection.requested_port == wanted]
    if found := at_port or asked_for or (running if port is None and len(running) == 1 else []):
        return found[0]
    others = ", ".join(f"{each.connection.data_port} {each.connection.title!r}" for each in running)
    raise ConnectionFileError(
        f"no viewer of this user runs on port {wanted}; "
        + (f"running: {others}" if others else f"'hcs-viewer --data-port {wanted}' starts one")
    )


def _file(connection: Connection, host: str | None) -> bytes:
    """Return what the file has to say on another machine."""
    if host is None and connection.host in EVERYWHERE:
        host = socket.getfqdn()
        sys.stderr.write(f"hcs-viewer: taking {host!r} for the name of this machine; else give --host\n")
    if host not in {None, *HERE} and connection.host in HERE:
        sys.stderr.write(
            f"hcs-viewer: this viewer listens on {connection.host}, to this machine alone: {host!r} leads to "
            "it only through a tunnel. --ssh makes one\n"
        )
    known = connection if host is None else msgspec.structs.replace(connection, host=host)
    return msgspec.json.format(msgspec.json.encode(known))


def _print_all(host: str | None) -> int:
    if sys.stdout.isatty():
        return _fail("these are keys: send them to a program, not to a terminal")
    for each in running_viewers():
        known = each.connection if host is None else msgspec.structs.replace(each.connection, host=host)
        _print(msgspec.json.encode(known))
    return 0


def _print(data: bytes) -> None:
    """Print UTF-8, whatever the terminal of this machine speaks: another one reads it."""
    sys.stdout.buffer.write(data + b"\n")
    sys.stdout.buffer.flush()


def _write(path: Path, data: bytes) -> None:
    """Write a file that only this user can read; it is there whole or not at all."""
    place = Path(os.path.realpath(path))  # a link stays one
    aside = place.with_name(f".{place.name}.{new_id()}.new")
    try:
        if path.exists() and not path.is_file():  # such as a pipe, or /dev/stdout
            path.write_bytes(data)
            return
        with open(aside, "wb", opener=_open_private) as file:
            file.write(data)
        aside.replace(place)
    except OSError as error:
        raise ConnectionFileError(f"cannot write {str(path)!r}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)


def _share(found: Running, place: SshPlace, port: int | None) -> int:
    from ._sharing import share  # no other way needs it

    if not found.connection.is_secure:
        return _fail(
            "this viewer lets in everybody on this machine (--insecure), and through a tunnel everybody on "
            f"{place.destination}: start it without --insecure"
        )

    def again() -> Connection | None:
        try:
            known = _viewer(found.connection.data_port).connection
        except ConnectionFileError:
            return None
        return known if port is None else msgspec.structs.replace(known, requested_port=port)

    def tell(text: str) -> None:
        sys.stderr.write(f"hcs-viewer: {text}\n")

    def ready(where: str) -> None:
        sys.stdout.write(f"ready  {where}  {found.connection.title!r}  (until Ctrl-C)\n")
        sys.stdout.flush()

    share(place, again, ready=ready, tell=tell)
    tell("the viewer has ended, and the tunnel with it")
    return 0


def _not_on_a_terminal(connection: Connection) -> str:
    port, name = connection.data_port, socket.gethostname()
    return (
        "whoever sees these keys may use this viewer, so they are not printed on a terminal. Try\n"
        f"  hcs-viewer connection {port} --ssh user@server\n"
        f"  hcs-viewer connection {port} --host {name} | ssh user@server hcs-stream connection add -\n"
        f"  hcs-viewer connection {port} --to FILE"
    )


def _port(text: str) -> int:
    try:
        return check_data_port(int(text))
    except InvalidPortError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"wanted a port such as 5555, found {text!r}") from error


def _host(text: str) -> str:
    if not text.strip() or "@" in text or "/" in text or text != text.strip():
        raise argparse.ArgumentTypeError(f"wanted the name or address of this machine, found {text!r}")
    return text


def _fail(said: str) -> int:
    sys.stderr.write(f"hcs-viewer: {said}\n")
    return 1
