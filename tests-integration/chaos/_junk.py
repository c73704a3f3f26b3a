"""Messages that no worker of ours would send: as holder of the key, and as a stranger."""

import contextlib
import os
import socket
from collections.abc import Iterator

import msgspec
import zmq
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from hcs_protocol import (
    MAX_MESSAGE_NBYTES,
    PROTOCOL_VERSION,
    Connection,
    Heard,
    Hello,
    Open,
    SegmentOffer,
    Welcome,
    decode,
    encode,
    endpoint,
    new_id,
)

from ._programs import TrialError

EXAMPLES = 100
STRANGERS = 12
ANSWER_MILLISECONDS = 20_000
OPEN_MILLISECONDS = 20
TYPES = (
    "Hello",
    "Open",
    "Batch",
    "Beat",
    "Goodbye",
    "BlockReleased",
    "ImageReady",
    "Pong",
    "Ping",
    "Nothing",
)
"""Shutdown and Clear are missing: what they ask for is to be done."""
FIELDS = (
    "id",
    "reply_to",
    "session",
    "last",
    "oldest",
    "items",
    "segment",
    "sequences",
    "worker_run",
    "type",
)

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
_fields = st.sampled_from(FIELDS)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_fields, inner, max_size=4)
)
_likely = st.builds(
    lambda kind, fields: fields | {"type": kind},
    st.sampled_from(TYPES),
    st.dictionaries(_fields, _values, max_size=6),
)
_frames = st.lists(
    st.binary(max_size=300) | (_likely | _values).map(msgspec.json.encode), min_size=1, max_size=4
)
"""Bytes at random, and JSON that looks like ours."""

SPEC = {"shape": [128, 256], "dtype": "uint16"}
NBYTES = 128 * 256 * 2
BAD_ITEMS: tuple[dict[str, object], ...] = (
    {"pixels": {"type": "frame", "frame": 7, "nbytes": NBYTES}},
    {"pixels": {"type": "frame", "frame": 1, "nbytes": NBYTES}},
    {"pixels": {"type": "file", "path": "/etc/passwd"}},
    {"pixels": {"type": "file", "path": "/dev/zero"}},
    {"pixels": {"type": "file", "path": "/proc/self/mem"}},
    {"pixels": {"type": "block", "segment": "../../etc/passwd", "offset": 0, "nbytes": 1, "generation": 1}},
    {"pixels": {"type": "block", "segment": "hcs-1-2", "offset": 0, "nbytes": NBYTES, "generation": 1}},
    {"spec": {"shape": [1 << 40, 1 << 40], "dtype": "uint16"}},
    {"spec": {"shape": [0, -1], "dtype": "uint16"}},
    {"spec": {"shape": [128, 256], "dtype": "object"}},
    {"spec": {"shape": [128, 256], "dtype": "uint16", "axes": ["x"]}},
    {"spec": "of no kind"},
    {"sequence": -5},
    {"sequence": 1 << 70},
    {"address": {"components": {"well": "\x00" * 400}}},
    {"display": {"contrast_limits": [9, 1]}},
)


def send_junk_with_key(connection: Connection, chance: int) -> None:
    """Send to both ports of a viewer what its decoders must refuse, as somebody whom it lets in."""
    with (
        _peer(connection, zmq.DEALER, connection.control_port) as control,
        _peer(connection, zmq.PUB, connection.data_port) as data,
    ):
        session = _open_session(control, data)
        for frames in _hand_made(session, connection):
            data.send_multipart(frames)
            control.send_multipart(frames)
            control.send_multipart([b"", *frames])
        _send_generated(control, data, chance)
        _check_that_it_answers(connection)


def send_junk_as_stranger(connection: Connection) -> None:
    """Send to both ports of a viewer whatever comes to the mind of somebody without its key."""
    thief = msgspec.structs.replace(connection, **_keys_of_a_stranger())
    with contextlib.ExitStack() as open_ends:
        for port in (connection.data_port, connection.control_port):
            for number in range(STRANGERS):
                peer = socket.create_connection((connection.host, port))
                open_ends.callback(peer.close)
                with contextlib.suppress(OSError):  # the viewer may hang up at any byte
                    peer.sendall(_greeting(number))
            for stranger in (thief, None):
                kind = zmq.PUB if port == connection.data_port else zmq.DEALER
                zmq_peer = open_ends.enter_context(_peer(stranger, kind, port, host=connection.host))
                for _ in range(STRANGERS):
                    with contextlib.suppress(zmq.Again):  # thrown out already
                        zmq_peer.send_multipart([b"", encode(_hello())], zmq.NOBLOCK)
        _check_that_it_answers(connection)


def _hand_made(session: str, connection: Connection) -> Iterator[list[bytes]]:
    good = {"type": "ImageReady", "spec": SPEC, "pixels": {"type": "frame", "frame": 1, "nbytes": NBYTES}}
    for number, bad in enumerate(BAD_ITEMS, start=1):
        item = good | {"sequence": number} | bad
        batch = {"type": "Batch", "session": session, "oldest": 1, "items": [item]}
        yield [msgspec.json.encode(batch)]
        yield [msgspec.json.encode(batch), b"too short"]
    yield [msgspec.json.encode({"type": "Batch", "session": session, "oldest": 1, "items": [good] * 5000})]
    yield [b""]
    yield [b"\xff\xfe" * 1000]
    yield [b"[" * 100_000]
    yield [b'{"type":"Batch","items":' + b"[{" * 1000]
    yield [b'{"type":"Beat","last":1e999,"session":"' + session.encode() + b'","id":"1"}']
    yield [os.urandom(100)] * 300
    yield [b'{"type":"Hello","name":"' + b"a" * (2 * MAX_MESSAGE_NBYTES) + b'"}']
    yield [bytes(8 * MAX_MESSAGE_NBYTES)]
    yield [connection.client_secret_key.encode()]


def _send_generated(control: zmq.SyncSocket, data: zmq.SyncSocket, chance: int) -> None:
    @seed(chance)
    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_frames)
    def send(frames: list[bytes]) -> None:
        data.send_multipart(frames)
        control.send_multipart([b"", *frames])

    send()


def _open_session(control: zmq.SyncSocket, data: zmq.SyncSocket) -> str:
    control.send_multipart([b"", encode(_hello())])
    session = ""
    for _ in range(ANSWER_MILLISECONDS // OPEN_MILLISECONDS):
        if session:
            data.send(encode(Open(session=session)))
        if control.poll(OPEN_MILLISECONDS):
            match decode(control.recv_multipart()[1]):
                case Welcome(session=session):
                    pass
                case Heard():
                    return session
    raise TrialError("a viewer did not hear a worker that had its key")


def _check_that_it_answers(connection: Connection) -> None:
    with _peer(connection, zmq.DEALER, connection.control_port) as control:
        control.send_multipart([b"", encode(_hello())])
        if not control.poll(ANSWER_MILLISECONDS):
            raise TrialError("a viewer did not answer any more after junk")


def _hello() -> Hello:
    offer = SegmentOffer(name="hcs-1-deadbeef", folder="/etc")
    return Hello(id=new_id(), protocol_version=PROTOCOL_VERSION, worker_run=new_id(), segment=offer)


def _keys_of_a_stranger() -> dict[str, str]:
    public, secret = zmq.curve_keypair()
    return {"client_public_key": public.decode(), "client_secret_key": secret.decode()}


def _greeting(number: int) -> bytes:
    curve = b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" + bytes(47)
    return (b"", os.urandom(500), b"GET / HTTP/1.1\r\n\r\n", curve, curve + os.urandom(2000))[number % 5]


@contextlib.contextmanager
def _peer(
    keys: Connection | None, kind: int, port: int, *, host: str = "127.0.0.1"
) -> Iterator[zmq.SyncSocket]:
    with zmq.Context() as context, context.socket(kind) as peer:
        peer.linger = 0
        peer.set_hwm(0)
        if keys:
            peer.curve_serverkey = keys.public_key.encode()
            peer.curve_publickey = keys.client_public_key.encode()
            peer.curve_secretkey = keys.client_secret_key.encode()
        peer.connect(endpoint(host, port))
        yield peer
