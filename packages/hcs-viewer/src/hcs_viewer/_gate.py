"""The gate before a viewer's ports: who is let in, and how long and how loud others may wait outside.

ZeroMQ takes any number of connections and gives each the memory that it asks for, long before it knows who
that is. So a thread watches who connects: whoever does not come through the handshake with few bytes, or is
one too many, is hung up on. It answers whether a key is known (ZAP, RFC 27) however busy the receiver is.
"""

import contextlib
import errno
import logging
import math
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Mapping

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from ._callers import MOST_PEERS, MOST_WAITING, Caller, Callers, Looked

if sys.platform != "win32":
    import resource

logger = logging.getLogger(__name__)

ZAP_ENDPOINT = "inproc://zeromq.zap.01"  # fixed by RFC 27
END_ENDPOINT = "inproc://gate-end"
EVENTS = (
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_ACCEPT_FAILED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
)
LOOK_SECONDS, MOST_LOOK_SECONDS = 0.02, 0.05
"""From one look at those who wait to the next: the longer one takes, the later the next one comes."""
LOOK_PART = 1 / 8
"""Of the time for looks: images need the processor, too, however many knock."""
EVENTS_PER_TURN = 1000
"""Of a port: who waits is looked at however fast others knock."""
MOST_EVENTS = 1 << 16
"""So many wait for this thread; then ZeroMQ's own one does, which without a descriptor tries for ever."""
NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE})
GREETING_NBYTES = 64
ERROR_NBYTES = 16
"""A frame with ZMTP's ERROR is no longer, one with its READY always is."""
WELCOME_NBYTES = 170
"""A frame with CURVE's WELCOME."""
PEERS_PART, WAITING_PART = 2, 8
"""One in so many of the descriptors that this process may have is for peers, and for who waits to be one."""
MOST_SAID = 100
WRONG_KEY = "its key is not the one in the connection file, which may have been that of a viewer that is gone"
NO_KEY = "it does not encrypt: take the keys in the connection file"
TOO_MANY_KEYS = "it encrypts, but this viewer has no keys (--insecure)"
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
        self._end, self._end_heard = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        self._end_heard.bind(END_ENDPOINT)
        self._end.connect(END_ENDPOINT)
        self._listening: list[zmq.SyncSocket] = []
        self._watched: dict[zmq.SyncSocket, int] = {}
        self._family = socket.AF_INET
        self._callers = _callers()
        self._due = 0.0
        """When to look at who waits."""
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
            watched.rcvhwm = MOST_EVENTS
            watched.connect(f"inproc://gate-{port}")
            self._watched[watched] = port
        self._thread.start()

    def close(self) -> None:
        """End its thread, before the ports are closed; a second time is harmless."""
        while self._listening:
            self._listening.pop().disable_monitor()  # before: ZeroMQ's own thread may wait for this one
        if self._thread.is_alive():
            self._end.send(b"")
            self._thread.join()

    def _run(self) -> None:
        poller = zmq.Poller()
        for each in (self._end_heard, self._asked, *self._watched):
            poller.register(each, zmq.POLLIN)
        while self._end_heard not in (ready := dict(poller.poll(self._patience()))):
            try:
                self._turn(ready)
            except Exception:  # the outermost loop
                logger.exception("failed what=gate")

    def _patience(self) -> int | None:
        """Return how many milliseconds to wait for who knocks; None if nobody waits meanwhile."""
        if not self._callers.is_anybody_waiting:
            return None
        return math.ceil(1000 * max(0.0, self._due - time.monotonic()))

    def _turn(self, ready: Mapping[zmq.SyncSocket, int]) -> None:
        if self._asked in ready:
            self._answer()
        for watched in ready.keys() & self._watched.keys():
            self._note_events(watched, self._watched[watched])
        if time.monotonic() >= self._due:
            self._look_around()

    def _look_around(self) -> None:
        began = time.monotonic()
        for caller in self._callers.waiting:
            self._look_at(caller)
        wanted = (time.monotonic() - began) / LOOK_PART
        self._due = began + min(max(wanted, LOOK_SECONDS), MOST_LOOK_SECONDS)
        for caller in self._callers.too_many():
            self._look_at(caller)  # once more: what it has said since would be lost
            if self._callers.waits(caller):
                self._hang_up(caller, "too many wait")

    def _answer(self) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                request = self._asked.recv_multipart(zmq.NOBLOCK)
                version, number, _, address, _, mechanism, credential = (*request, b"")[:7]
                answer = (b"200", b"OK")
                if not self._knows(mechanism, credential):
                    answer = (b"400", b"unknown key")
                    self._say(address.decode(errors="replace"), WRONG_KEY)
                self._asked.send_multipart([version, number, *answer, b"", b""])

    def _knows(self, mechanism: bytes, credential: bytes) -> bool:
        if self._client_key is None:
            return True
        return mechanism == b"CURVE" and z85.encode(credential) == self._client_key

    def _note_events(self, watched: zmq.SyncSocket, port: int) -> None:
        with contextlib.suppress(zmq.Again):
            for _ in range(EVENTS_PER_TURN):
                event = parse_monitor_message(watched.recv_multipart(zmq.NOBLOCK))
                match event["event"]:
                    case zmq.EVENT_ACCEPTED:
                        self._callers.come(port, event["value"])
                    case zmq.EVENT_ACCEPT_FAILED:
                        self._say("nobody", "no descriptor is free: raise the limit, 'ulimit -n'")
                    case zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                        if event["value"] == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
                            self._say("unknown", TOO_MANY_KEYS if self._client_key is None else NO_KEY)
                    case _:
                        self._callers.go(port, event["value"])

    def _look_at(self, caller: Caller) -> None:
        try:
            with self._connection(caller) as connection:
                looked = _seen(connection, caller, self._outside_nbytes)
        except OSError:  # closed meanwhile
            self._callers.go(caller.port, caller.descriptor)
            return
        if reason := self._callers.see(caller, looked):
            self._hang_up(caller, reason)

    @contextlib.contextmanager
    def _connection(self, caller: Caller) -> Iterator[socket.socket]:
        """Yield a connection; a copy of it, for ZeroMQ may close it meanwhile and use its descriptor again.

        Raises:
            OSError: It is over.
        """
        try:
            connection, is_copy = socket.fromfd(caller.descriptor, self._family, socket.SOCK_STREAM), True
        except OSError as error:
            if error.errno not in NO_DESCRIPTOR:
                raise
            connection = socket.socket(self._family, socket.SOCK_STREAM, fileno=caller.descriptor)
            is_copy = False  # who took the last descriptor has to be seen all the same
        try:
            if connection.getsockname()[1] != caller.port:
                raise OSError("its descriptor has another use by now")
            yield connection
        finally:
            if is_copy:
                connection.close()
            else:
                connection.detach()

    def _hang_up(self, caller: Caller, reason: str) -> None:
        """End a connection, as if its other end had: ZeroMQ lets go of what it had for it."""
        self._say(caller.address, reason)
        self._callers.go(caller.port, caller.descriptor)
        with contextlib.suppress(OSError), self._connection(caller) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)  # or who still sends is stuck
            connection.shutdown(socket.SHUT_RDWR)

    def _say(self, address: str, reason: str) -> None:
        if (address, reason) not in self._said and len(self._said) < MOST_SAID:
            self._said.add((address, reason))
            logger.warning("refused peer=%s reason=%s", address, reason)


def _seen(connection: socket.socket, caller: Caller, outside_nbytes: int) -> Looked:
    """Return what the system says of a connection.

    Raises:
        OSError: It is over.
    """
    address = caller.address or str(connection.getpeername()[0])
    if not sys.platform.startswith("linux"):
        return Looked(address, 0, is_let_in=True)  # as far as can be told
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_NBYTES)
    if len(told) < TCP_INFO_NBYTES:  # so do systems that only resemble Linux
        return Looked(address, 0, is_let_in=True)
    acked, received = _ACKED_AND_RECEIVED.unpack(told)
    return Looked(address, received, is_let_in=acked > outside_nbytes)


def _callers() -> Callers:
    """Return the limits, which leave most descriptors to files: images that cannot be opened are refused."""
    if sys.platform == "win32":
        return Callers()
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return Callers()
    return Callers(min(MOST_PEERS, limit // PEERS_PART), min(MOST_WAITING, limit // WAITING_PART))
