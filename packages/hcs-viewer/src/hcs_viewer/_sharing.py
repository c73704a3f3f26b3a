"""Lets pipelines on another machine stream to the viewer here: their end of a tunnel that ssh makes.

What runs there, ``hcs-stream connection hold``, gets the connection file on its standard input, and removes
it when that ends: so the file is there as long as the tunnel is.
"""

import os
import re
import shlex
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from hcs_protocol import Connection, TunnelError
from hcs_protocol.ssh import NEAR_HOST, TUNNEL_OPTIONS, SshPlace, SshProcess, explain, forward

REMOTE_STREAM = "HCS_REMOTE_STREAM"
OPEN_SECONDS = 60.0
LOOK_SECONDS = 1.0
RESTS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds between attempts to open it again."""
ALLOCATED = re.compile(r"Allocated port (\d+) for remote forward to \S+:(\d+)")
HELD = re.compile(r"^held (.*)$", re.MULTILINE)


def share(
    place: SshPlace,
    find: Callable[[], Connection | None],
    *,
    ready: Callable[[str], object],
    tell: Callable[[str], object],
    sleep: Callable[[float], object] = time.sleep,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Keep a tunnel for the pipelines of another machine until the viewer ends.

    Args:
        place: The other machine.
        find: Returns the viewer; None when it has ended.
        ready: Is told, once, when pipelines there find the viewer.
        tell: Is told when the tunnel is lost, and when it is open again.
        sleep: Waits.
        environ: ``HCS_REMOTE_STREAM`` is how ``hcs-stream`` is called there.

    Raises:
        TunnelError: It cannot be opened; once it was, it is opened again and again.
    """
    was_open, attempts = False, 0
    while (connection := find()) is not None:
        try:
            with FarEnd(place, connection, environ) as far_end:
                path = far_end.open()
                if was_open:
                    tell("the tunnel is open again")
                else:
                    ready(f"{place.destination}:{path}")
                was_open, attempts = True, 0
                far_end.wait(partial(_is_found, find, connection))
        except TunnelError as error:
            if not was_open:
                raise
            tell(f"no tunnel, images wait there: {error}")
        sleep(RESTS[min(attempts, len(RESTS) - 1)])
        attempts += 1


def _is_found(find: Callable[[], Connection | None], wanted: Connection) -> bool:
    return find() == wanted


class FarEnd:
    """The other machine's end of one tunnel: ports that lead here, and a connection file that names them."""

    def __init__(self, place: SshPlace, connection: Connection, environ: Mapping[str, str]) -> None:
        self._place = place
        self._connection = connection
        self._program = environ.get(REMOTE_STREAM) or "hcs-stream"
        here = connection.host
        command = place.command(
            f"{self._program} connection hold --from {shlex.quote(socket.gethostname())}",
            options=TUNNEL_OPTIONS,
            forwards=[
                forward("-R", 0, here, connection.data_port),
                forward("-R", 0, here, connection.control_port),
            ],
            environ=environ,
        )
        self._ssh = SshProcess(command, adopt=lambda child: None)

    def __enter__(self) -> "FarEnd":
        return self

    def __exit__(self, *_: object) -> None:
        self._ssh.close()

    def open(self) -> str:
        """Wait until pipelines there find the viewer; return the path of its connection file there.

        Raises:
            TunnelError: They do not, and the text says why.
        """
        if not self._ssh.wait(lambda said: len(ALLOCATED.findall(said)) == 2, OPEN_SECONDS):
            raise self._failure()
        ports = {int(to): int(port) for port, to in ALLOCATED.findall(self._ssh.said)}
        there = msgspec.structs.replace(
            self._connection,
            host=NEAR_HOST,
            data_port=ports[self._connection.data_port],
            control_port=ports[self._connection.control_port],
        )
        self._ssh.write(msgspec.json.encode(there) + b"\n")
        if not self._ssh.wait(lambda said: HELD.search(said) is not None, OPEN_SECONDS):
            raise self._failure()
        held = HELD.search(self._ssh.said)
        return held[1] if held else ""

    def wait(self, is_wanted: Callable[[], bool]) -> None:
        """Return when the tunnel is not wanted any more.

        Raises:
            TunnelError: It was lost.
        """
        while not self._ssh.wait_for_end(LOOK_SECONDS):
            if not is_wanted():
                return
        raise self._failure()

    def _failure(self) -> TunnelError:
        status = self._ssh.status() if self._ssh.has_ended else None
        return explain(self._place, status, self._ssh.said, program=self._program, variable=REMOTE_STREAM)
