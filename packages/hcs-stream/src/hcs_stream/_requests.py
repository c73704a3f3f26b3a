"""Questions to a viewer: one request, one reply, on a socket of its own."""

import time
from typing import TypeVar

from hcs_protocol import (
    MAX_REPLY_NBYTES,
    Connection,
    Failed,
    Message,
    Request,
    ViewerRequestError,
    ViewerStalledError,
    decode,
    encode,
)

from ._sockets import control_socket

ReplyT = TypeVar("ReplyT", bound=Message)


def ask(
    connection: Connection, request: Request, wanted: type[ReplyT], *, timeout: float
) -> tuple[ReplyT, list[bytes]]:
    """Return the reply to a request, and the frames that follow it.

    Args:
        connection: Whom to ask.
        request: What to ask.
        wanted: The kind of reply that answers it.
        timeout: Seconds to wait.

    Raises:
        ViewerRequestError: The viewer says that it cannot, or says something else.
        ViewerStalledError: There was no reply in time.
    """
    deadline = time.monotonic() + timeout
    with control_socket(connection) as socket:
        socket.send_multipart([b"", encode(request)])
        while socket.poll(max(0, int((deadline - time.monotonic()) * 1000))):
            _, *said = socket.recv_multipart()
            data, *frames = said or [b""]
            reply = decode(data, limit=MAX_REPLY_NBYTES)
            if isinstance(reply, wanted) and getattr(reply, "reply_to", "") == request.id:
                return reply, frames
            raise ViewerRequestError(_said(request, reply))
    who = f"{connection.title!r} on port {connection.data_port}"
    raise ViewerStalledError(f"no reply to {type(request).__name__} within {timeout:g} s: viewer {who}")


def _said(request: Request, reply: Message) -> str:
    if isinstance(reply, Failed):
        return f"{type(request).__name__} failed: {reply.error}"
    return f"wanted a reply to {type(request).__name__}, got {type(reply).__name__}"
