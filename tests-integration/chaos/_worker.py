"""The program of a worker: publishes images from several threads until it is told to end, or is killed."""

from . import _clock  # noqa: F401  # isort: skip  # before anything that asks for the time

import contextlib
import faulthandler
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from types import FrameType

import msgspec

from ._children import fork, run_pool_worker
from ._orders import Child, Finish, Fork, GoOn, Hold, Order, Pool, Status, Tell, WorkerOrders
from ._planted import plant_in_worker
from ._sender import Sender, connect, end, open_ledger, publish_until, status_of

HOLD_SECONDS = 90.0


class Worker:
    """Publishes on this thread and on others; a thread beside them does what the harness says."""

    def __init__(self, orders: WorkerOrders, control: Connection) -> None:
        self._orders = orders
        self._control = control
        self._ledger = open_ledger(orders)
        self._done = threading.Event()
        self._gate = threading.Lock()
        self._children: list[int] = []
        self._stream = connect(orders)
        seeds = range(orders.seed, orders.seed + orders.load.threads)
        self._senders = [Sender(self._stream, self._ledger, orders, seed) for seed in seeds]

    def run(self) -> None:
        """Publish until told to end."""
        signal.signal(signal.SIGINT, self._interrupt)
        threading.Thread(target=self._obey, daemon=True).start()
        threads = [threading.Thread(target=self._publish, args=[sender]) for sender in self._senders[1:]]
        for thread in threads:
            thread.start()
        self._publish(self._senders[0])
        for thread in threads:
            thread.join()
        for pid in self._children:
            _, status = os.waitpid(pid, 0)
            if status:
                raise SystemExit(f"the forked child {pid} ended with {os.waitstatus_to_exitcode(status)}")
        end(self._stream, self._ledger, self._orders.patience)

    def _publish(self, sender: Sender) -> None:
        gate: contextlib.AbstractContextManager[object] = (
            self._gate if self._orders.drops else contextlib.nullcontext()
        )
        publish_until(self._done, gate, sender, self._stream, self._orders.load)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._senders[0].is_in_call:
            self._senders[0].is_in_call = False  # once a call
            raise KeyboardInterrupt

    def _obey(self) -> None:
        with contextlib.suppress(EOFError, OSError):  # the harness is gone
            while True:
                self._control.send(self._answer(self._control.recv()))
        os._exit(3)

    def _answer(self, order: Order) -> Status | Child | None:
        match order:
            case Tell():
                return status_of(self._stream, self._ledger, self._senders)
            case Hold():
                self._gate.acquire(timeout=HOLD_SECONDS)
                self._ledger.dropped(self._stream.counters.dropped)
                return status_of(self._stream, self._ledger, self._senders)
            case GoOn():
                self._gate.release()
            case Fork():
                return self._fork(order)
            case Pool():
                return run_pool_worker(order, self._orders)
            case Finish():
                self._done.set()
        return None

    def _fork(self, order: Fork) -> Child:
        child = fork(order, self._orders, self._stream, self._control)
        if order.then != "lingers":
            self._children.append(child.pid)
        return child


def _fail(raised: threading.ExceptHookArgs) -> None:
    """End the process if one of its threads fails, as nobody else would notice."""
    threading.__excepthook__(raised)
    sys.stderr.flush()
    os._exit(4)


if __name__ == "__main__":
    threading.excepthook = _fail
    faulthandler.register(signal.SIGUSR1)
    given = msgspec.json.decode(sys.argv[2], type=WorkerOrders)
    plant_in_worker(given.plant)
    Worker(given, Connection(int(sys.argv[1]))).run()
