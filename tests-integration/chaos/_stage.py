"""The processes of one trial in their places: who runs, who runs no more, and what is in flight."""

import itertools
import random
import socket
import time
from collections.abc import Callable

import msgspec

import hcs_stream
from hcs_protocol import Connection, find_free_pair, write_connection

from ._orders import GoOn, Hold, Status, Tell, ViewerOrders, WorkerOrders
from ._places import Places
from ._plan import Plan
from ._programs import TrialError, ViewerProgram, WorkerProgram
from ._proxy import Proxy

PORTS = 11_000, 19_000
LOOK_SECONDS = 0.02
STACKS_SECONDS = 0.3
MANY, MANY_SECONDS = 16, 0.5


class Stage:
    """Everything that a fault can be done to."""

    def __init__(self, plan: Plan, places: Places, *, has_proxy: bool) -> None:
        self.plan = plan
        self.places = places
        self.random = plan.chance
        self.workers: list[WorkerProgram] = []
        """Those that publish."""
        self.viewers: dict[int, ViewerProgram] = {}
        """The present life of each, by the port it is asked for."""
        self.clients: dict[int, hcs_stream.Viewer] = {}
        self.proxies: dict[int, Proxy] = {}
        self.in_flight: list[int] = []
        """How many images were in flight when each fault came."""
        self.spoiled: set[str] = set()
        """Segments whose header the harness has destroyed: no process can know what they are."""
        self._all_workers: list[WorkerProgram] = []
        self._all_viewers: list[ViewerProgram] = []
        self._numbers = itertools.count(1)
        self._has_proxy = has_proxy

    # Who runs.

    def start(self) -> None:
        """Start the viewers, then the workers."""
        while len(self.viewers) < self.plan.viewers:
            port, _ = find_free_pair(random.randrange(*PORTS), _is_free)
            if port not in self.viewers:
                self.begin_viewer(port)
        for port in self.viewers:
            self.await_viewer(port)
        for worker in [self.begin_worker() for _ in range(self.plan.workers)]:
            worker.ask(Tell(), Status)

    def begin_viewer(self, port: int) -> None:
        """Start a life of the viewer of this port."""
        life = sum(viewer.port == port for viewer in self._all_viewers) + 1
        diary = self.places.books / f"{port}-{life}.diary"
        diary.touch()
        plan = self.plan
        orders = ViewerOrders(port=port, diary=str(diary), has_window=plan.has_window, plant=plan.plant)
        environment = self.places.environment(runtime=self.places.viewers)
        viewer = ViewerProgram(orders, life, environment, self.places.logs)
        self._all_viewers.append(viewer)
        self.viewers[port] = viewer

    def await_viewer(self, port: int) -> None:
        """Wait until it is ready, and let workers find it."""
        client = self.clients[port] = self.viewers[port].await_ready(self.places.viewers)
        if self._has_proxy:
            self._point_proxy_to(client.connection, port)

    def start_viewer(self, port: int) -> None:
        """Start a life of the viewer of this port and wait until it is ready."""
        self.begin_viewer(port)
        self.await_viewer(port)

    def next_worker(self) -> int:
        """Return a number for one more worker."""
        return next(self._numbers)

    def start_worker(self) -> None:
        """Start a worker and wait until it is connected."""
        self.begin_worker().ask(Tell(), Status)

    def begin_worker(self) -> WorkerProgram:
        """Start a worker."""
        plan = self.plan
        orders = WorkerOrders(
            worker=self.next_worker(),
            folder=str(self.places.books),
            ports=list(self.viewers),
            overflow=plan.overflow,
            load=plan.load,
            seed=plan.chance.randrange(1 << 30),
            patience=plan.patience,
            plant=plan.plant,
        )
        runtime = self.places.workers if self._has_proxy else self.places.viewers
        environment = self.places.environment(runtime=runtime)
        environment["HCS_SHM_BUDGET"] = str(plan.budget)
        worker = WorkerProgram(orders, environment, self.places.logs)
        self._all_workers.append(worker)
        self.workers.append(worker)
        return worker

    def kill_worker(self, worker: WorkerProgram) -> None:
        """Kill a worker."""
        self.workers.remove(worker)
        worker.kill()

    def any_worker(self) -> WorkerProgram:
        """Choose a worker."""
        return self.random.choice(self.workers)

    def any_port(self) -> int:
        """Choose a viewer."""
        return self.random.choice(list(self.viewers))

    # What happens.

    def aim(self, worker: WorkerProgram, *, to_kill: bool = False) -> None:
        """Return at a moment in which images of this worker are in flight: many, or else at least one."""
        order = Hold() if to_kill and self.plan.drops else Tell()
        begun = time.monotonic()
        while not self._is_good(status := worker.ask(order, Status), time.monotonic() - begun):
            if isinstance(order, Hold):
                worker.ask(GoOn(), type(None))
            if time.monotonic() - begun > self.plan.patience:
                raise TrialError(f"{worker.name} has nothing in flight: {status!r}")
        self.in_flight.append(status.in_flight)

    def last(self, least: float, most: float) -> None:
        """Let a fault last for a random time."""
        time.sleep(self.random.uniform(least, most))

    def await_flow(self) -> None:
        """Wait until every viewer has adopted something new."""
        before = self._adopted()
        self.wait_for("a viewer adopts nothing", lambda: self._grew_everywhere(before))

    def wait_for(self, otherwise: str, is_true: Callable[[], bool]) -> None:
        """Wait until something is true while all live."""
        deadline = time.monotonic() + self.plan.patience
        while not is_true():
            self.check()
            if time.monotonic() > deadline:
                raise TrialError(f"{otherwise} within {self.plan.patience:g} s")
            time.sleep(LOOK_SECONDS)

    def check(self) -> None:
        """Refuse to go on if a process has ended though nobody told it to."""
        for program in [*self._all_workers, *self._all_viewers]:
            program.check()

    def show_stacks(self) -> None:
        """Have every process that lives write into its log where its threads are."""
        for program in [*self._all_workers, *self._all_viewers]:
            program.show_stacks()
        time.sleep(STACKS_SECONDS)

    def hang_up(self) -> None:
        """Close the lines to all workers: their children that linger end as well."""
        for worker in self._all_workers:
            worker.hang_up()

    def close(self) -> None:
        """End everything; a second time is harmless."""
        self.hang_up()
        for program in [*self._all_workers, *self._all_viewers]:
            program.close()
        for proxy in self.proxies.values():
            proxy.close()
        self.proxies.clear()

    def _point_proxy_to(self, viewer: Connection, port: int) -> None:
        if port not in self.proxies:
            self.proxies[port] = Proxy(viewer.data_port, viewer.control_port)
        proxy = self.proxies[port]
        proxy.point_to(viewer.data_port, viewer.control_port)
        seen = msgspec.structs.replace(viewer, data_port=proxy.data.port, control_port=proxy.control.port)
        write_connection(seen, [self.places.workers])

    def _is_good(self, status: Status, waited: float) -> bool:
        return status.in_flight >= (MANY if waited < MANY_SECONDS else 1)

    def _adopted(self) -> dict[int, int]:
        return {port: viewer.diary.stat().st_size for port, viewer in self.viewers.items()}

    def _grew_everywhere(self, before: dict[int, int]) -> bool:
        return all(size > before[port] for port, size in self._adopted().items())


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
