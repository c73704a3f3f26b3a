"""ZeroMQ without security, to see what it costs; for this harness alone, the product has no such switch."""

import zmq

CURVE = {
    zmq.CURVE_SERVER,
    zmq.CURVE_SERVERKEY,
    zmq.CURVE_PUBLICKEY,
    zmq.CURVE_SECRETKEY,
    zmq.ZAP_DOMAIN,  # with it, the gate would be asked, and let nobody in
}


class OpenSocket(zmq.Socket[bytes]):
    """A socket that does not hear of keys."""

    def set(self, option: int, value: int | bytes) -> None:
        """Set an option, unless it is one of CURVE's."""
        if option not in CURVE:
            super().set(option, value)


class OpenContext(zmq.Context[OpenSocket]):
    """A context of such sockets."""

    _socket_class = OpenSocket


def leave_sockets_open() -> None:
    """Have every context that is made from now on be an `OpenContext`."""
    zmq.Context = OpenContext  # type: ignore[misc]
