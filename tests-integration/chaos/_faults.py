"""What is done to processes: killed, frozen, forked, interrupted, told another time."""

import os
import signal
import socket
import threading

from hcs_protocol import CONTROL_OFFSET

from ._clock import jump
from ._orders import Child, Fork, Pool, Status, Tell
from ._programs import TrialError
from ._stage import Stage

TRIES = 8
INTERRUPTS = 20
INTERRUPTS_IF_PACED = 5
"""A worker that pauses between its calls is seldom hit."""
HOURS = (-30 * 24, -1, 2, 24, 365 * 24)
LINGERING = "lingers"


def kill_worker(stage: Stage) -> None:
    """Kill a worker; another one comes."""
    worker = stage.any_worker()
    stage.aim(worker, to_kill=True)
    stage.kill_worker(worker)
    stage.start_worker()


def kill_viewer(stage: Stage) -> None:
    """Kill a viewer; after a while there is a new one."""
    port = stage.any_port()
    stage.aim(stage.any_worker())
    stage.viewers[port].kill()
    stage.last(0.0, 1.5)
    stage.start_viewer(port)


def close_viewer(stage: Stage) -> None:
    """Close a viewer's window in the midst of it; after a while there is a new one."""
    port = stage.any_port()
    stage.aim(stage.any_worker())
    viewer = stage.viewers[port]
    viewer.is_over = True
    stage.clients[port].stop(timeout=20)
    viewer.end()
    stage.last(0.0, 0.5)
    stage.start_viewer(port)


def kill_both(stage: Stage) -> None:
    """Kill a worker and a viewer in the same instant."""
    worker, port = stage.any_worker(), stage.any_port()
    viewer = stage.viewers[port]
    worker.is_over = viewer.is_over = True
    stage.aim(worker, to_kill=True)
    for program in stage.random.sample([worker, viewer], 2):
        program.send_signal(signal.SIGKILL)
    stage.kill_worker(worker)
    viewer.kill()
    stage.last(0.0, 1.0)
    stage.start_viewer(port)
    stage.start_worker()


def freeze_worker(stage: Stage) -> None:
    """Stop a worker for a while."""
    worker = stage.any_worker()
    stage.aim(worker)
    worker.freeze()
    stage.last(0.1, 4.0)
    worker.thaw()


def freeze_viewer(stage: Stage) -> None:
    """Stop a viewer for a while."""
    viewer = stage.viewers[stage.any_port()]
    stage.aim(stage.any_worker())
    viewer.freeze()
    stage.last(0.1, 4.0)
    viewer.thaw()


def remove_connection_files(stage: Stage) -> None:
    """Stop a viewer until its workers have lost it, and remove what they would find it by."""
    viewer = stage.viewers[stage.any_port()]
    stage.aim(stage.any_worker())
    viewer.freeze()
    for path in stage.places.viewers.glob("viewer-*.json"):
        path.unlink()
    stage.last(2.5, 4.0)
    viewer.thaw()


def steal_port(stage: Stage) -> None:
    """Kill a viewer and give one of its ports to a stranger, who answers with nonsense."""
    port = stage.any_port()
    stage.aim(stage.any_worker())
    stage.viewers[port].kill()
    with Stranger(port + stage.random.choice((0, CONTROL_OFFSET))):
        stage.last(0.0, 1.0)
        stage.start_viewer(port)
        stage.await_flow()


def interrupt(stage: Stage) -> None:
    """Press Ctrl-C in the midst of sending, several times; the worker goes on."""
    worker = stage.any_worker()
    count = INTERRUPTS_IF_PACED if stage.plan.has_window else INTERRUPTS
    goal = worker.ask(Tell(), Status).interrupted + count
    stage.aim(worker)

    def press() -> bool:
        worker.send_signal(signal.SIGINT)
        return worker.ask(Tell(), Status).interrupted >= goal

    stage.wait_for("Ctrl-C interrupts nothing", press)


def fork(stage: Stage) -> None:
    """Fork in the midst of sending: a child that exits, one that sends, one that outlives its parent."""
    worker = stage.any_worker()
    then = stage.random.choice(("exits", "sends", LINGERING))
    stage.aim(worker, to_kill=then == LINGERING)
    child = worker.ask(Fork(stage.next_worker(), then), Child)
    if then == LINGERING:
        stage.kill_worker(worker)
        stage.start_worker()
        stage.await_flow()
        if not os.path.exists(f"/proc/{child.pid}"):
            raise TrialError(f"the child {child.pid} did not outlive {worker.name}")


def end_pool_worker(stage: Stage) -> None:
    """Let a process of a pool end right after it has sent."""
    worker = stage.any_worker()
    for _ in range(TRIES):
        in_flight = worker.ask(Pool(stage.next_worker()), Child).in_flight
        if in_flight:
            stage.in_flight.append(in_flight)
            return
    raise TrialError("no process of a pool ended with an image in flight")


def jump_clock(stage: Stage) -> None:
    """Kill a worker, and let it be another day when the next one comes."""
    worker = stage.any_worker()
    stage.aim(worker, to_kill=True)
    stage.kill_worker(worker)
    jump(stage.places.clock, 3600.0 * stage.random.choice(HOURS))
    stage.start_worker()
    stage.await_flow()
    jump(stage.places.clock, 0.0)


class Stranger:
    """A program on a viewer's port that is none; a context manager."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._babble, daemon=True)
        self._thread.start()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _babble(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer:
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
