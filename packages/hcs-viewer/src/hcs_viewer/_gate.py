"""The gate before a viewer's ports: who is let in, and how long and how loud others may wait outside.

ZeroMQ takes any number of connections and gives each the memory that it asks for, long before it knows who
that is. So a thread watches who connects: whoever does not come through the handshake with few bytes, or is
one too many, is hung up on. It answers whether a key is known (ZAP, RFC 27) however busy the receiver is.
"""

import contextlib
import logging
import socket
import struct
import sys
import threading
from collections.abc import Mapping

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from ._callers import MOST_PEERS, MOST_WAITING, Caller, Callers, Looked

if sys.platform != "win32":
    import resource

logger = logging.getLogger(__name__)

ZAP_ENDPOINT = "inproc://zeromq.zap.01"  # fixed by RFC 27
EVENTS = (
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_ACCEPT_FAILED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
    | zmq.EVENT_MONITOR_STOPPED
)
LOOK_MILLISECONDS = 20
"""So often it is looked what those do who wait."""
GREETING_NBYTES = 64
ERROR_NBYTES = 16
"""A frame with ZMTP's ERROR is no longer, one with its READY always is."""
WELCOME_NBYTES = 170
"""A frame with CURVE's WELCOME."""
PEERS_PART, WAITING_PART = 2, 8
"""One in so many of the descriptors that this process may have is for peers, and for who waits to be one."""
MOST_SAID = 100
AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
TCP_INFO_NBYTES = 136
"""Of ``struct tcp_info`` (linux/tcp.h, since Linux 4.1), whose last two words are these."""
_ACKED_AND_RECEIVED = struct.Struct("=120xQQ")


class Gate:
    """Lets in who has the client key, in a thread of its own."""

    def __init__(self, context: "zmq.Context[zmq.SyncSocket]", client_key: bytes | None) -> None:
        """Open it; ports that are bound before let nobody in who has to be asked for.

        Args:
            context: Of the ports.
            client_key: Whose holders are let in; None lets everybody in.
        """
        self._context = context
        self._client_key = client_key
        self._asked = context.socket(zmq.REP)
        self._asked.bind(ZAP_ENDPOINT)
        self._listening: list[zmq.SyncSocket] = []
        self._watched: dict[zmq.SyncSocket, int] = {}
        self._watching = 0
        self._family = socket.AF_INET
        self._callers = _callers()
        self._said: set[tuple[str, str]] = set()
        self._outside_nbytes = GREETING_NBYTES + ERROR_NBYTES + (WELCOME_NBYTES if client_key else 0)
        """Who got more from us was let in."""
        self._thread = threading.Thread(target=self._run, name="hcs-gate", daemon=True)

    def watch(self, ports: Mapping[int, zmq.SyncSocket], family: socket.AddressFamily) -> None:
        """Begin: answer who knocks at these ports, which are bound already."""
        self._family = family
        for port, listening in ports.items():
            listening.monitor(f"inproc://gate-{port}", EVENTS)
            self._listening.append(listening)
            watched = self._context.socket(zmq.PAIR)
            watched.rcvhwm = 0  # or ZeroMQ's own thread, which puts the events in, could wait for this one
            watched.connect(f"inproc://gate-{port}")
            self._watched[watched] = port
        self._watching = len(self._watched)
        self._thread.start()

    def close(self) -> None:
        """End its thread, before the ports are closed; a second time is harmless."""
        while self._listening:
            self._listening.pop().disable_monitor()  # says so to the thread, which ends when all have said it
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        poller = zmq.Poller()
        for each in (self._asked, *self._watched):
            poller.register(each, zmq.POLLIN)
        while self._watching:
            ready = dict(poller.poll(LOOK_MILLISECONDS if self._callers.waiting else None))
            try:
                self._turn(ready)
            except Exception:  # the outermost loop
                logger.exception("failed what=gate")

    def _turn(self, ready: Mapping[zmq.SyncSocket, int]) -> None:
        if self._asked in ready:
            self._answer()
        for watched in ready.keys() & self._watched.keys():
            self._note_events(watched, self._watched[watched])
        for caller in self._callers.waiting:
            self._look_at(caller)
        for caller in self._callers.too_many():
            self._hang_up(caller, "too many wait")

    def _answer(self) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                request = self._asked.recv_multipart(zmq.NOBLOCK)
                version, number, *_, mechanism, credential = (*request, b"")[:7]
                answer = (b"200", b"OK") if self._knows(mechanism, credential) else (b"400", b"unknown key")
                self._asked.send_multipart([version, number, *answer, b"", b""])

    def _knows(self, mechanism: bytes, credential: bytes) -> bool:
        if self._client_key is None:
            return True
        return mechanism == b"CURVE" and z85.encode(credential) == self._client_key

    def _note_events(self, watched: zmq.SyncSocket, port: int) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                event = parse_monitor_message(watched.recv_multipart(zmq.NOBLOCK))
                match event["event"]:
                    case zmq.EVENT_ACCEPTED:
                        self._callers.come(port, event["value"])
                    case zmq.EVENT_ACCEPT_FAILED:
                        self._say("nobody", "no descriptor is free: raise the limit, 'ulimit -n'")
                    case zmq.EVENT_MONITOR_STOPPED:
                        self._watching -= 1
                    case _:
                        self._callers.go(port, event["value"])

    def _look_at(self, caller: Caller) -> None:
        try:
            with socket.fromfd(caller.descriptor, self._family, socket.SOCK_STREAM) as connection:
                looked = self._seen(connection, caller.port)
        except OSError:  # closed meanwhile
            self._callers.go(caller.port, caller.descriptor)
            return
        if reason := self._callers.see(caller, looked):
            self._hang_up(caller, reason)

    def _seen(self, connection: socket.socket, port: int) -> Looked:
        """Return what the system says of a connection, if it is one of this port: descriptors are used again.

        Raises:
            OSError: It is none.
        """
        if connection.getsockname()[1] != port:
            raise OSError("its descriptor has another use by now")
        address = str(connection.getpeername()[0])
        if not sys.platform.startswith("linux"):
            return Looked(address, 0, is_let_in=True)  # as far as can be told
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_NBYTES)
        acked, received = _ACKED_AND_RECEIVED.unpack(told)
        return Looked(address, received, is_let_in=acked > self._outside_nbytes)

    def _hang_up(self, caller: Caller, reason: str) -> None:
        """End a connection, as if its other end had: ZeroMQ lets go of what it had for it."""
        self._say(caller.address, reason)
        self._callers.go(caller.port, caller.descriptor)
        with (
            contextlib.suppress(OSError),
            socket.fromfd(caller.descriptor, self._family, socket.SOCK_STREAM) as connection,
        ):
            if connection.getsockname()[1] == caller.port:
                connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE
                )  # or who still sends is stuck
                connection.shutdown(socket.SHUT_RDWR)

    def _say(self, address: str, reason: str) -> None:
        if (address, reason) not in self._said and len(self._said) < MOST_SAID:
            self._said.add((address, reason))
            logger.warning("refused peer=%s reason=%s", address, reason)


def _callers() -> Callers:
    """Return the limits, which leave most descriptors to files: images that cannot be opened are refused."""
    if sys.platform == "win32":
        return Callers()
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return Callers()
    return Callers(min(MOST_PEERS, limit // PEERS_PART), min(MOST_WAITING, limit // WAITING_PART))
