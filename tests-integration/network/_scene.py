"""Programs of a trial on their machines: who runs where, and what each side says of its images."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from chaos._audit import Account, audit
from chaos._orders import Finish, Load, Status, Tell, ViewerOrders, WorkerOrders
from chaos._places import Places
from chaos._programs import Program, TrialError, ViewerProgram, WorkerProgram

from hcs_protocol import Connection, find_connections, write_connection

from ._machines import Machine, Network, Slowness

ProgramT = TypeVar("ProgramT", bound=Program)

PORT = 5555
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 120.0
SHAPE = (512, 512)
NBYTES = 2 * SHAPE[0] * SHAPE[1]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer counted, and how many images its layers have."""

    adopted: int
    shown: int
    duplicates: int
    refused: int
    in_layers: int


class PipelineReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all images of a run."""

    published: int
    adopted: int
    shown: int
    in_layers: int
    missing: int
    """Images that no layer has."""
    wrong: int
    """Images whose pixels are not those that were published."""
    failures: dict[str, str]


@dataclass(frozen=True)
class Host:
    """A machine with folders of its own: nothing in them is seen from another one."""

    machine: Machine
    places: Places

    def environment(self) -> dict[str, str]:
        """Return the environment of a process there."""
        return self.places.environment(runtime=self.places.viewers)

    def connections(self) -> list[Connection]:
        """Return the viewers that are known there."""
        return [connection for _, connection in find_connections([self.places.viewers])]


class Scene:
    """All machines and programs of one trial."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._hosts: list[Host] = []
        self._programs: list[Program] = []
        self.workers: list[WorkerProgram] = []
        self.in_flight: list[int] = []
        """How many images were in flight at each cut."""
        self._lives = 0

    # Who runs where.

    def host(self, slowness: Slowness | None = None) -> Host:
        """Add a machine."""
        host = Host(self._network.machine(slowness), Places())
        self._hosts.append(host)
        return host

    def start_viewer(
        self, host: Host, *, has_window: bool = False, memory: int | None = None, pause: float = 0.0
    ) -> ViewerProgram:
        """Start a viewer that listens on the address of its machine, and wait until it is ready.

        Args:
            host: Where.
            has_window: Whether it opens a napari window.
            memory: Bytes that it has for images.
            pause: Seconds that it looks at each image, without a window.
        """
        self._lives += 1
        diary = self._books / f"{PORT}-{self._lives}.diary"
        diary.touch()
        orders = ViewerOrders(
            port=PORT,
            diary=str(diary),
            host=host.machine.address,
            has_window=has_window,
            memory=memory,
            pause=pause,
        )
        machine, places = host.machine, host.places
        viewer = ViewerProgram(orders, self._lives, host.environment(), places.logs, machine.prefix)
        self._programs.append(viewer)
        viewer.await_ready(places.viewers)
        return viewer

    def start(self, program: ProgramT) -> ProgramT:
        """Have another program ended with all of them."""
        self._programs.append(program)
        return program

    def copy_connection(self, viewer_host: Host, host: Host) -> None:
        """Copy the viewer's connection file to another machine, with the address by which it is reached."""
        there = viewer_host.connections()[-1]
        reached = msgspec.structs.replace(there, host=viewer_host.machine.address, machine="another")
        write_connection(reached, [host.places.viewers])

    def start_worker(
        self, host: Host, viewer_host: Host, load: Load, *, overflow: str = "spill"
    ) -> WorkerProgram:
        """Start a worker that streams to a viewer elsewhere, and wait until it is connected."""
        self.copy_connection(viewer_host, host)
        orders = WorkerOrders(
            worker=len(self.workers) + 1,
            folder=str(self._books),
            ports=[PORT],
            host=viewer_host.machine.address,
            load=load,
            overflow=overflow,
            seed=len(self.workers),
        )
        environment = host.environment() | {"HCS_SHM_BUDGET": str(256 << 20)}
        worker = WorkerProgram(orders, environment, host.places.logs, host.machine.prefix)
        self._programs.append(worker)
        self.workers.append(worker)
        worker.ask(Tell(), Status)
        return worker

    # What happens.

    @contextlib.contextmanager
    def cut(self, worker: WorkerProgram, act: Callable[[], None], undo: Callable[[], None]) -> Iterator[None]:
        """Cut a link while this worker publishes, and heal it when images of it are in flight."""
        act()
        try:
            self.wait_for("nothing is in flight", lambda: worker.ask(Tell(), Status).in_flight > 0)
            self.in_flight.append(worker.ask(Tell(), Status).in_flight)
            yield
        finally:
            undo()

    def last(self, seconds: float) -> None:
        """Let things be as they are for so long, while all live."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            time.sleep(LOOK_SECONDS)

    def await_published(self, images: int) -> None:
        """Wait until the workers have published so many."""
        self.wait_for(f"fewer than {images} images are published", lambda: self._published() >= images)

    def await_adopted(self, seconds: float = PATIENCE_SECONDS) -> list[Status]:
        """Wait until nothing is owed, then let the workers end; returns how they were."""
        self.wait_for("not all is adopted", lambda: not any(told.owed for told in self._statuses()), seconds)
        told = self._statuses()
        for worker in self.workers:
            worker.is_over = True
            worker.ask(Finish(), type(None))
        for worker in self.workers:
            worker.end()
        return told

    def wait_for(
        self, otherwise: str, is_true: Callable[[], bool], seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait until something is true while all live."""
        deadline = time.monotonic() + seconds
        while not is_true():
            self.check()
            if time.monotonic() > deadline:
                raise TrialError(f"{otherwise} within {seconds:g} s")
            time.sleep(LOOK_SECONDS)

    def check(self) -> None:
        """Refuse to go on if a process has ended though nobody told it to."""
        for program in self._programs:
            program.check()

    def ask(self, host: Host) -> Shown:
        """Return what the viewer of this machine says, once it shows all that it adopted."""
        command = [*host.machine.prefix, sys.executable, "-m", "network._client"]
        done = subprocess.run(
            [*command, host.machine.address, str(PORT)],
            env=host.environment(),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise TrialError(f"the viewer does not answer: {done.stderr.decode()[-1000:]}")
        return msgspec.json.decode(done.stdout, type=Shown)

    def audit(self) -> Account:
        """Return what the books say."""
        return audit(self._books, [PORT])

    def show_stacks(self) -> None:
        """Have every process that lives write into its log where its threads are."""
        for program in self._programs:
            program.show_stacks()

    def logs(self) -> str:
        """Return how the logs of all programs end."""
        return "\n".join(f"{program.name}:\n{program.last_words()}" for program in self._programs)

    def close(self) -> None:
        """End and remove everything; a second time is harmless."""
        for worker in self.workers:
            worker.hang_up()
        for program in self._programs:
            program.close()
        for host in self._hosts:
            host.places.remove()

    @property
    def _books(self) -> Path:
        return self._hosts[0].places.books

    def _published(self) -> int:
        return sum(status.published for status in self._statuses())

    def _statuses(self) -> list[Status]:
        return [worker.ask(Tell(), Status) for worker in self.workers]


@contextlib.contextmanager
def new_scene() -> Iterator[Scene]:
    """Yield a scene without any machine; all of it is gone afterwards."""
    with Network() as network:
        scene = Scene(network)
        try:
            yield scene
        except TrialError as error:
            scene.show_stacks()
            time.sleep(0.3)
            raise TrialError(f"{error}\n{scene.logs()}") from error
        finally:
            scene.close()
