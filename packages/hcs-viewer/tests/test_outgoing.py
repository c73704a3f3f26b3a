"""What leaves the viewer on its control socket."""

from collections.abc import Iterator

import pytest
import zmq

from hcs_protocol import Failed, ImagePixels, ImageSpec, Message, Pong, decode
from hcs_viewer._outgoing import Outgoing
from hcs_viewer._tally import Tally

SIDE = 2896
PIXELS = bytes(SIDE * SIDE)
"""More than systems keep of what a peer does not read."""
PATIENCE_MILLISECONDS = 60_000


class Asker:
    """A client, and what the viewer answers it with."""

    def __init__(self, context: zmq.Context[zmq.SyncSocket]) -> None:
        self.router, self.dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        self.router.sndhwm, self.dealer.rcvhwm = 0, 1
        port = self.router.bind_to_random_port("tcp://127.0.0.1")
        self.dealer.connect(f"tcp://127.0.0.1:{port}")
        self.dealer.send(b"")
        self.identity = self.router.recv_multipart()[0]
        self.outgoing = Outgoing(self.router, Tally(lambda: None), lambda: 0.0, unread_nbytes=2 * len(PIXELS))

    def is_answered(self, request: int) -> None:
        spec = ImageSpec(shape=(SIDE, SIDE), dtype="uint8")
        self.outgoing.send(self.identity, ImagePixels(reply_to=str(request), spec=spec), PIXELS)

    def reads(self) -> Message:
        assert self.dealer.poll(PATIENCE_MILLISECONDS)
        return decode(self.dealer.recv_multipart()[1])


@pytest.fixture
def asker() -> Iterator[Asker]:
    with zmq.Context() as context:
        asker = Asker(context)
        yield asker
        context.destroy(linger=0)


def test_who_asks_on_and_reads_nothing_is_told_to_read(asker: Asker) -> None:
    for request in range(10):
        asker.is_answered(request)

    said = [asker.reads() for _ in range(10)]

    assert [getattr(answer, "reply_to", "") for answer in said] == list("0123456789")
    assert isinstance(said[0], ImagePixels)
    assert isinstance(said[-1], Failed)
    assert "read them" in said[-1].error


def test_who_has_read_is_answered_again(asker: Asker) -> None:
    for request in range(10):
        asker.is_answered(request)
    for _ in range(10):
        asker.reads()

    asker.is_answered(10)
    while isinstance(asker.reads(), Failed):  # ZeroMQ may still be tidying up
        asker.is_answered(10)


def test_small_answers_are_given_meanwhile(asker: Asker) -> None:
    for request in range(10):
        asker.is_answered(request)
    pong = Pong(
        reply_to="p", viewer_run="v", title="", state="ready", window_age_seconds=0.0, protocol_version=1
    )

    asker.outgoing.send(asker.identity, pong)

    assert [asker.reads() for _ in range(11)][-1] == pong
