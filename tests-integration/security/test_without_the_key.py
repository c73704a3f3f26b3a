"""Another host, or whoever else reaches the ports, without the key of this viewer's life."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest
import zmq
from fuzz.inputs import PIXELS, SPEC
from fuzz.meddler import Meddler
from fuzz.peer import Peer
from fuzz.target import Places, Target, running_viewer

from hcs_protocol import Connection, endpoint

from .knocking import CURVE_GREETING, Keys, is_hung_up_on, is_let_in

PORTS = {"data_port": zmq.PUB, "control_port": zmq.DEALER}


@pytest.mark.parametrize("port", PORTS)
def test_who_has_no_key_is_not_let_in(target: Target, port: str) -> None:
    connection = target.connection

    assert not is_let_in(connection.host, getattr(connection, port), PORTS[port], None)
    assert not is_let_in(
        connection.host, getattr(connection, port), PORTS[port], Keys.of_a_stranger(connection)
    )
    assert is_let_in(connection.host, getattr(connection, port), PORTS[port], Keys.of(connection))


def test_what_is_said_without_a_key_changes_nothing(target: Target, peer: Peer) -> None:
    before = peer.ping().counters
    connection = target.connection

    with zmq.Context() as context:
        for kind, port in ((zmq.PUB, connection.data_port), (zmq.DEALER, connection.control_port)):
            with context.socket(kind) as stranger:
                stranger.linger = 0
                stranger.connect(endpoint(connection.host, port))
                stranger.send_multipart([b"", b'{"type":"Shutdown","id":"1"}'], zmq.NOBLOCK)
                stranger.poll(200)

    assert peer.ping().counters == before
    assert target.is_alive


def test_the_key_of_a_viewer_that_is_gone_opens_no_other(target: Target, places: Places) -> None:
    with running_viewer(places) as earlier:
        stolen = Keys.of(earlier.connection)
    now = target.connection

    for keys in (stolen, Keys(now.public_key, stolen.public, stolen.secret)):
        assert not is_let_in(now.host, now.control_port, zmq.DEALER, keys)


def test_what_was_recorded_on_the_wire_cannot_be_said_again(target: Target, peer: Peer) -> None:
    connection = target.connection
    with recorded(connection) as (seen, said), Peer(seen) as worker:
        session = worker.open_session()
        item = {"type": "ImageReady", "sequence": 1, "spec": SPEC, "pixels": FRAME}
        batch = {"type": "Batch", "session": session, "oldest": 1, "items": [item]}
        worker.send_data([[msgspec.json.encode(batch), PIXELS]])
        worker.settle()
    before = peer.ping().counters

    for port, recording in said.items():
        with socket.create_connection((connection.host, port), timeout=50) as again:
            again.sendall(recording)
            assert is_hung_up_on(again)

    assert before.adopted >= 1
    assert peer.ping().counters == before


@pytest.mark.parametrize("port", PORTS)
def test_what_is_changed_on_the_wire_ends_the_connection(
    target: Target, peer: Peer, port: str, wait_for: Callable[[Callable[[], bool]], None]
) -> None:
    connection = target.connection
    meddler = Meddler(None, connection.host, getattr(connection, port))
    try:
        with Peer(msgspec.structs.replace(connection, **{port: meddler.port})) as worker:
            session = worker.open_session()
            before = peer.ping().counters
            meddler.is_spoiling = True
            item = {"type": "ImageReady", "sequence": 1, "spec": SPEC, "pixels": FRAME}
            batch = {"type": "Batch", "session": session, "oldest": 1, "items": [item]}
            if port == "data_port":
                worker.send_data([[msgspec.json.encode(batch), PIXELS]])
            else:
                worker.send_control([[b'{"type":"Shutdown","id":"1"}']])
            wait_for(lambda: meddler.ended > 0)
    finally:
        meddler.close()

    after = peer.ping().counters
    assert meddler.changed > 0
    assert (after.adopted, after.malformed) == (before.adopted, before.malformed)


def test_a_greeting_that_no_key_has_made_ends_the_connection(target: Target) -> None:
    connection = target.connection
    with socket.create_connection((connection.host, connection.data_port), timeout=50) as caller:
        caller.sendall(CURVE_GREETING + b"\x04\xc8\x05HELLO" + bytes(194))

        assert is_hung_up_on(caller)


FRAME = {"type": "frame", "frame": 1, "nbytes": len(PIXELS)}


@contextmanager
def recorded(connection: Connection) -> Iterator[tuple[Connection, dict[int, bytearray]]]:
    """Listen in on a viewer's two ports: yields what a worker sees instead, and what it said to each port."""
    said = {connection.data_port: bytearray(), connection.control_port: bytearray()}
    listeners = {port: Meddler(None, connection.host, port, heard=said[port]) for port in said}
    data, control = listeners.values()
    try:
        yield msgspec.structs.replace(connection, data_port=data.port, control_port=control.port), said
    finally:
        for listener in listeners.values():
            listener.close()
