"""The viewer's sockets: data and control, encrypted, open to holders of the client key alone, or to all."""

import contextlib
import errno
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import zmq

from hcs_protocol import (
    MAX_FRAME_NBYTES,
    MAX_MESSAGE_NBYTES,
    NoFreePortsError,
    control_port,
    endpoint,
    find_free_pair,
)

from ._gate import Gate
from ._port_holders import said

SEALED_NBYTES = 1 << 10
"""What encryption adds to a frame, and more."""
RECEIVED_MESSAGES = 1000
"""So many wait here of each peer; more wait where they come from. Who keeps to its credit has far fewer."""
BACKLOG = 512
"""Connections that the system keeps until they are accepted: one that it drops comes again after a second."""
HANDSHAKE_MILLISECONDS = 5000
PROBE_AFTER_SECONDS, PROBE_SECONDS, PROBES = 10, 5, 4
GONE_MILLISECONDS = 1000 * (PROBE_AFTER_SECONDS + PROBES * PROBE_SECONDS)
"""A machine that answers nothing for so long is gone. The system asks it: libzmq's own heartbeats abort the
process when a peer hangs up whose messages it had stopped to read."""
CLOSE_MILLISECONDS = 500
"""For the last answers to go out."""
TAKEN = (zmq.EADDRINUSE, errno.EACCES)  # the latter on Windows, and for ports below 1024


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The viewer's pair of CURVE keys and its clients', as Z85 text."""

    public: bytes
    secret: bytes = field(repr=False)
    client_public: bytes
    client_secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Make fresh keys."""
        public, secret = zmq.curve_keypair()
        client_public, client_secret = zmq.curve_keypair()
        return cls(public=public, secret=secret, client_public=client_public, client_secret=client_secret)


class Sockets:
    """The bound sockets of one viewer, the gate before them and the bell that wakes the receiver."""

    def __init__(self, keys: Keys | None, bind: str, data_port: int, *, next_free: bool = False) -> None:
        """Bind both ports.

        Args:
            keys: Which client key is let in, and how this viewer proves who it is; None lets everybody in.
            bind: The address to listen on.
            data_port: The control port is 1000 above it.
            next_free: Whether to take the next free pair when one of the ports is taken.

        Raises:
            NoFreePortsError: A port is taken, or no free pair was found.
        """
        self.context: zmq.Context[zmq.SyncSocket] = zmq.Context()
        client_key = keys.client_public if keys else None
        self._gate = Gate(self.context, client_key)  # before the ports: CURVE without a gate lets any key in
        self.bell = self.context.socket(zmq.PULL)
        self.bell.bind("inproc://bell")
        self._ropes: list[zmq.SyncSocket] = []
        self._turn = threading.Lock()
        """Of whoever rings, window or store, or closes: no two threads may use a socket at once."""
        self.bind, self.requested_port = bind, data_port
        try:
            self.data_port, self.data, self.control = self._bind_pair(keys, data_port, next_free=next_free)
        except BaseException:
            self.close()
            raise
        self.control_port = control_port(self.data_port)
        family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        self._gate.watch({self.data_port: self.data, self.control_port: self.control}, family)

    def bell_rope(self) -> Callable[[], None]:
        """Return a function that wakes the receiver, from any thread."""
        rope = self.context.socket(zmq.PUSH)
        rope.connect("inproc://bell")
        self._ropes.append(rope)

        def ring() -> None:
            with (
                self._turn,
                contextlib.suppress(zmq.ZMQError),
            ):  # rung often enough already, or the viewer is closing
                rope.send(b"", zmq.NOBLOCK)

        return ring

    def silence_bell(self) -> None:
        """Forget that the bell was rung, however often."""
        with contextlib.suppress(zmq.Again):
            while True:
                self.bell.recv(zmq.NOBLOCK)

    def close(self) -> None:
        """Close everything as soon as the last answers went out; a second time is harmless."""
        with self._turn:
            for rope in self._ropes:
                rope.close(0)
        self._gate.close()
        self.context.destroy(linger=CLOSE_MILLISECONDS)

    def _bind_pair(
        self, keys: Keys | None, wanted: int, *, next_free: bool
    ) -> tuple[int, zmq.SyncSocket, zmq.SyncSocket]:
        bound: dict[int, zmq.SyncSocket] = {}

        def bind(port: int) -> bool:
            server = self._server(keys, zmq.SUB if port < control_port(wanted) else zmq.ROUTER)
            try:
                server.bind(endpoint(self.bind, port))
            except zmq.ZMQError as error:
                server.close(0)
                if error.errno not in TAKEN:
                    raise NoFreePortsError(f"cannot listen on {self.bind!r}: {error}") from error
                return False
            bound[port] = server
            return True

        tries = 100 if next_free else 1
        try:
            data, control = find_free_pair(wanted, bind, tries=tries)
        except NoFreePortsError as error:
            if error.__cause__ is not None:
                raise
            self.close()  # or this process would be among those that have the ports
            hint = f"{said(wanted)}; use another --data-port, or --next-free"
            raise NoFreePortsError(f"port {wanted} or {control_port(wanted)} is taken {hint}") from error
        for port in bound.keys() - {data, control}:
            bound[port].close(0)
        return data, bound[data], bound[control]

    def _server(self, keys: Keys | None, kind: int) -> zmq.SyncSocket:
        server = self.context.socket(kind)
        server.ipv6 = ":" in self.bind
        server.sndhwm = 0  # credit bounds what is under way; marks lose images silently
        server.rcvhwm = RECEIVED_MESSAGES
        server.maxmsgsize = MAX_FRAME_NBYTES + SEALED_NBYTES if kind == zmq.SUB else MAX_MESSAGE_NBYTES
        server.backlog = BACKLOG
        server.handshake_ivl = HANDSHAKE_MILLISECONDS
        if keys:
            server.curve_server = True
            server.curve_publickey, server.curve_secretkey = keys.public, keys.secret
        server.zap_domain = b"hcs"
        server.tcp_keepalive = 1
        server.tcp_keepalive_idle, server.tcp_keepalive_intvl = PROBE_AFTER_SECONDS, PROBE_SECONDS
        server.tcp_keepalive_cnt = PROBES
        server.tcp_maxrt = GONE_MILLISECONDS
        if kind == zmq.SUB:
            server.subscribe(b"")
        else:
            server.router_handover = True
        return server
