"""What a session takes of what its viewer says."""

import errno
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hcs_protocol import PROTOCOL_VERSION, BlockReleased, Credit, Welcome, new_id
from hcs_stream._session import AT_ONCE, OPEN, Session

SHORT = 0.01
FIRST_FRAME_WITH_FEW_DESCRIPTORS = """
import os, resource, sys, zmq
from hcs_stream._session import Session

context = zmq.Context()
data, viewer = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
data.bind("inproc://data")
viewer.connect("inproc://data")
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
opened = len(os.listdir("/proc/self/fd")) - 1
resource.setrlimit(resource.RLIMIT_NOFILE, (opened + int(sys.argv[1]), limits[1]))
Session._send_pixels(None, data, memoryview(bytes(1 << 20)))
print(len(viewer.recv()))
"""


class WithoutDescriptors:
    """A socket of a process that has none left, so that no frame goes without a copy."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, pixels: memoryview, flags: int, copy: bool = True) -> None:
        if not copy:
            raise OSError(errno.EMFILE, "no descriptor is free")
        self.sent.append(bytes(pixels))


@pytest.fixture
def session(viewer: Any) -> Iterator[Session]:
    """A session that the viewer has heard."""
    greeted = Session(
        viewer.connection, worker_run=new_id(), name="worker", offer=None, nonce=None, clock=time.monotonic
    )
    while greeted.phase is not OPEN:
        greeted.tick(0, lambda: None)
        list(greeted.receive())  # who has sent something looks first: the descriptor tells only once
        greeted.poll(SHORT)
    yield greeted
    greeted.close()


def test_others_get_their_turn_while_a_viewer_never_stops_talking(session: Session, viewer: Any) -> None:
    said = 2 * AT_ONCE + 1
    viewer.say(lambda to: Credit(session=to, images=1, nbytes=1), times=said)

    taken: list[int] = []
    while sum(taken) < said:
        taken.append(len(list(session.receive())))
        session.poll(SHORT)

    assert max(taken) <= AT_ONCE
    assert sum(taken) == said


def test_of_messages_that_cannot_be_read_one_line_tells(
    session: Session, viewer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    viewer.say(lambda to: BlockReleased(session=to, sequences=[0]), times=10)
    viewer.say(lambda to: Credit(session=to, images=2, nbytes=2))

    while not list(session.receive()):
        session.poll(SHORT)

    assert [record.message.split(" from=")[0] for record in caplog.records] == ["message ignored"]


def test_a_viewer_that_welcomes_again_changes_nothing(session: Session, viewer: Any) -> None:
    before, hello = session.id, viewer.hellos[-1]
    again = Welcome(
        reply_to=hello.id,
        session=before,
        viewer_run=new_id(),
        protocol_version=PROTOCOL_VERSION,
        nonce="another",
        credit_images=1,
    )
    viewer.say(lambda to: again, times=10)
    viewer.say(lambda to: Credit(session=to, images=2, nbytes=2))

    taken: list[Any] = []
    while not any(isinstance(message, Credit) for message in taken):
        taken += session.receive()
        session.poll(SHORT)

    assert [type(message) for message in taken] == [Credit]
    assert (session.phase, session.id) == (OPEN, before)
    assert viewer.accepted == {"control": 1, "data": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors as Linux tells them")
@pytest.mark.parametrize("free", range(5))
def test_the_first_frame_of_a_process_with_hardly_a_descriptor_does_not_end_it(free: int) -> None:
    command = [sys.executable, "-c", FIRST_FRAME_WITH_FEW_DESCRIPTORS, str(free)]

    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "1048576\n", "")


def test_a_frame_of_a_process_without_descriptors_goes_as_a_copy(session: Session) -> None:
    data: Any = WithoutDescriptors()

    session._send_pixels(data, memoryview(b"pixels"))

    assert data.sent == [b"pixels"]
