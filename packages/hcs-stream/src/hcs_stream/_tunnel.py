"""Keeps a tunnel open to a viewer on another machine: its file is fetched by ssh, its ports are forwarded.

The near end is a connection file of its own, so that every process of this user finds the viewer here.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path

import msgspec

from hcs_protocol import (
    Connection,
    ConnectionFileError,
    HcsError,
    Ping,
    Pong,
    Tunnel,
    TunnelError,
    decode_connection,
    new_id,
    private_folder,
    runtime_folders,
    this_machine,
    write_connection,
)
from hcs_protocol.ssh import (
    NEAR_HOST,
    TUNNEL_OPTIONS,
    SshPlace,
    SshProcess,
    explain,
    forward,
    run_ssh,
)

from ._processes import KnownProcess, adopt_child
from ._requests import ask
from ._start_lock import start_lock
from ._viewer import Viewer
from ._viewers import find_viewer

logger = logging.getLogger(__name__)

REMOTE_VIEWER = "HCS_REMOTE_VIEWER"
FETCH_SECONDS = 60.0
OPEN_SECONDS = 30.0
CLOSE_SECONDS = 5.0
LOOK_SECONDS = 0.05
WATCH_SECONDS = 5.0
"""From one look, whether the viewer answers, to the next."""
ANSWER_SECONDS = 5.0
STAND_BY_SECONDS = 0.2
"""Between looks at another process's tunnel."""
FIRST_REST_SECONDS, MOST_REST_SECONDS = 0.5, 30.0
"""Between two attempts to open it again."""
HURRY_SECONDS = 60.0
"""For so long after a viewer was started, it is looked for without ever longer rests."""
Fetch = Callable[[SshPlace, int], Connection]


class TunnelKeeper:
    """Keeps a tunnel open until it is closed, and opens it again whenever it leads nowhere."""

    def __init__(self, place: SshPlace, data_port: int, fetch: Fetch | None = None) -> None:
        """Prepare; nothing is opened yet.

        Args:
            place: Where ssh leads to.
            data_port: The port that the viewer has there, or was asked for.
            fetch: Gets its connection file.
        """
        self.place = place
        self.data_port = data_port
        self.problem: TunnelError | None = None
        """Why it is not open; None if it is, or may be soon."""
        self._closing = threading.Event()
        self._fetch = fetch or partial(fetch_connection, is_over=self._closing.is_set)
        self._said = ""
        """What was logged of it."""
        self._lock_name = f"tunnel-{data_port}-{sha256(str(place).encode()).hexdigest()[:12]}"
        self._ssh: SshProcess | None = None
        self._near: Viewer | None = None
        self._ports: list[int] = []
        self._hurried_until = 0.0
        self._thread = threading.Thread(target=self._run, name=f"hcs-tunnel-{data_port}", daemon=True)

    def start(self) -> None:
        """Open it, in the background."""
        self._thread.start()

    def hurry(self) -> None:
        """Look for the viewer more often for a while: it was just started."""
        self._hurried_until = time.monotonic() + HURRY_SECONDS

    def close(self) -> None:
        """Close it; a second time is harmless."""
        self._closing.set()
        if ssh := self._ssh:
            ssh.close()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)
        self._forget()

    def _run(self) -> None:
        rest = FIRST_REST_SECONDS
        while not self._closing.is_set():
            try:
                if not self._turn():
                    self._closing.wait(STAND_BY_SECONDS)
                    continue
                rest = FIRST_REST_SECONDS
            except HcsError as error:
                self._note(error)
            except Exception:  # the outermost loop of this thread
                logger.exception("tunnel failed to=%s", self.place)
            if not self._closing.wait(rest):
                self._say()
            is_hurried = time.monotonic() < self._hurried_until
            rest = FIRST_REST_SECONDS if is_hurried else min(2 * rest, MOST_REST_SECONDS)

    def _turn(self) -> bool:
        """Keep the tunnel until it leads nowhere; False if another process keeps one, or is about to."""
        with start_lock(_folder(), self._lock_name) as lock:
            if not lock.is_held or self._is_kept_by_another():
                self.problem = None
                return False
            there = self._fetch(self.place, self.data_port)
            check_keys(there)
            ssh = self._open(there)
        try:
            self._watch(ssh, there)
        finally:
            ssh.close()
        return True

    def _is_kept_by_another(self) -> bool:
        viewer = find_viewer(self.data_port, host=str(self.place))
        tunnel = viewer.connection.tunnel if viewer else None
        return tunnel is not None and tunnel.pid != os.getpid()

    def _open(self, there: Connection) -> SshProcess:
        ports = self._free_ports()
        far = zip(ports, (there.data_port, there.control_port), strict=True)
        forwards = [forward("-L", near, there.host, port) for near, port in far]
        self._ssh = ssh = SshProcess(
            self.place.command(options=TUNNEL_OPTIONS, forwards=forwards), adopt_child
        )
        try:
            if not ssh.wait(lambda _: _is_open(ports[-1]), OPEN_SECONDS, LOOK_SECONDS):
                self._ports = []  # one may be taken
                raise explain(self.place, ssh.status() if ssh.has_ended else None, ssh.said)
            if not self._closing.is_set():
                self._found(there, ports)
        except BaseException:
            ssh.close()
            raise
        return ssh

    def _found(self, there: Connection, ports: list[int]) -> None:
        connection = near_end(there, ports, str(self.place), self.place.destination, self.data_port)
        path = write_connection(connection, runtime_folders())
        if self._near and self._near.path != path:
            self._forget()
        self._near, self._ports = Viewer(connection, path), ports
        if self._said:
            logger.warning("tunnel open again to=%s", self.place)
        self.problem, self._said = None, ""

    def _watch(self, ssh: SshProcess, there: Connection) -> None:
        while not self._closing.is_set() and not ssh.wait_for_end(WATCH_SECONDS):
            if not (self._answers() or self._is_same(there)):
                self.problem = TunnelError(f"{self.place}: the viewer does not answer", lasts=False)
                return
        if not self._closing.is_set():
            self.problem = explain(self.place, ssh.status(), ssh.said)

    def _answers(self) -> bool:
        try:
            return bool(
                self._near and ask(self._near.connection, Ping(id=new_id()), Pong, timeout=ANSWER_SECONDS)
            )
        except HcsError:
            return False

    def _is_same(self, there: Connection) -> bool:
        """Say whether a viewer that does not answer is there still, as one whose process is stopped."""
        found = self._fetch(self.place, self.data_port)
        return (found.viewer_run, found.data_port) == (there.viewer_run, there.data_port)

    def _note(self, error: HcsError) -> None:
        problem = error if isinstance(error, TunnelError) else TunnelError(str(error), lasts=False)
        if problem.is_there:
            self._forget()  # the viewer is gone, not the way to it
        self.problem = problem

    def _say(self) -> None:
        """Log, once, what somebody would have raised who waited for it."""
        if self.problem and str(self.problem) != self._said:
            self._said = str(self.problem)
            logger.warning("no tunnel to=%s reason=%s; images wait", self.place, self.problem)

    def _free_ports(self) -> list[int]:
        """Return ports of this machine, the same as before if they are free: then connections go on."""
        if len(self._ports) == 2 and not any(map(_is_open, self._ports)):
            return self._ports
        with socket.socket() as data, socket.socket() as control:
            for each in (data, control):
                each.bind((NEAR_HOST, 0))
            return [each.getsockname()[1] for each in (data, control)]

    def _forget(self) -> None:
        if self._near:
            self._near.forget()
            self._near = None


def fetch_connection(
    place: SshPlace,
    data_port: int,
    *,
    environ: Mapping[str, str] = os.environ,
    is_over: Callable[[], bool] = lambda: False,
) -> Connection:
    """Return the connection file of a viewer on another machine, of the same user there.

    Args:
        place: Where ssh leads to.
        data_port: The port that the viewer has there, or was asked for.
        environ: ``HCS_REMOTE_VIEWER`` is how ``hcs-viewer`` is called there.
        is_over: Says that nobody waits for it any more.

    Raises:
        TunnelError: Ssh does not get there, or no such viewer runs.
        ConnectionFileError: What came is none.
    """
    return decode_connection(_ask_there(place, str(data_port), environ, is_over), f"by {place.typed}")


def fetch_connections(place: SshPlace, *, environ: Mapping[str, str] = os.environ) -> list[Connection]:
    """Return the connection files of all viewers of the same user on another machine.

    Raises:
        TunnelError: Ssh does not get there.
    """
    lines = _ask_there(place, "--all", environ, lambda: False).splitlines()
    return [decode_connection(line, f"by {place.typed}") for line in lines if line.startswith(b"{")]


def _ask_there(place: SshPlace, which: str, environ: Mapping[str, str], is_over: Callable[[], bool]) -> bytes:
    program = environ.get(REMOTE_VIEWER) or "hcs-viewer"
    command = place.command(
        f"{program} connection {which}", options={"ClearAllForwardings": "yes"}, environ=environ
    )
    done = run_ssh(command, timeout=FETCH_SECONDS, is_over=is_over)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        raise explain(place, done.returncode, said, program=program, variable=REMOTE_VIEWER)
    return done.stdout


def check_keys(there: Connection) -> None:
    """Refuse a tunnel whose near end everybody on this machine could use.

    Raises:
        TunnelError: The viewer has no keys.
    """
    if not there.is_secure:
        raise TunnelError(
            f"viewer {there.title!r} lets in everybody on its machine (--insecure), and through a tunnel "
            "everybody on this one: start it without --insecure",
            is_there=True,
        )


def near_end(there: Connection, ports: list[int], host: str, far_end: str, requested_port: int) -> Connection:
    """Return what the connection file of a viewer says at the near end of a tunnel, which this process keeps.

    Args:
        there: What it says at the far end.
        ports: Data and control port here.
        host: Under which it is found here.
        far_end: The machine at the far end, for people.
        requested_port: The data port by which it is found here.
    """
    keeper = KnownProcess.of(os.getpid())
    return msgspec.structs.replace(
        there,
        host=NEAR_HOST,
        data_port=ports[0],
        control_port=ports[1],
        requested_port=requested_port,
        tunnel=Tunnel(
            host=host,
            far_end=far_end,
            pid=keeper.pid,
            start_time=keeper.start_time,
            start_ticks=keeper.start_ticks,
            machine=this_machine(),
        ),
    )


def _folder() -> Path | None:
    """Return where locks lie; None where there is no such place, and each process makes its own tunnel."""
    try:
        return private_folder(runtime_folders())
    except ConnectionFileError:
        return None


def _is_open(port: int) -> bool:
    try:
        with socket.create_connection((NEAR_HOST, port), timeout=1.0):
            return True
    except OSError:
        return False
