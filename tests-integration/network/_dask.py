"""A Dask cluster over three machines: the scheduler, its workers, and the viewer of what they make."""

from collections import Counter

import msgspec
from chaos._audit import Account
from chaos._programs import Program
from pyvirtualdisplay.display import Display

from ._scenarios import Outcome
from ._scene import PORT, Host, PipelineReport, new_scene

READY_SECONDS = 90.0
WORKERS = 2
DASK_PORT = "8786"


class DaskProgram(Program):
    """A process of the cluster."""

    def __init__(self, host: Host, name: str, *arguments: str) -> None:
        environment = host.environment() | {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "60s"}
        command = ["dask", name, *arguments, "--host", host.machine.address, "--no-dashboard"]
        super().__init__(
            f"dask {name}", command, environment, host.places.logs / f"{name}.log", prefix=host.machine.prefix
        )


def dask_cluster(*, seconds: float = 4.0) -> Outcome:
    """Run a pipeline on a cluster, cut the workers off from the viewer meanwhile, and look at every image."""
    with Display(size=(1600, 1200)), new_scene() as scene:
        head, crew, desk = scene.host(), scene.host(), scene.host()
        viewer = scene.start(_HcsViewer(desk))
        viewer.read_line(READY_SECONDS)
        for host in (head, crew):
            scene.copy_connection(desk, host)
        scene.start(DaskProgram(head, "scheduler", "--port", DASK_PORT))
        address = f"tcp://{head.machine.address}:{DASK_PORT}"
        options = ("--nthreads", "1", "--death-timeout", "60", "--nworkers", str(WORKERS))
        folder = ("--local-directory", str(crew.places.root))
        scene.start(DaskProgram(crew, "worker", address, *options, *folder))
        pipeline = scene.start(_Pipeline(head, address, desk.machine.address))
        pipeline.read_line(READY_SECONDS)  # the first well is done
        desk.machine.vanish()
        try:
            scene.last(seconds)
        finally:
            desk.machine.reappear()
        report = msgspec.json.decode(pipeline.read_line(READY_SECONDS), type=PipelineReport)
        pipeline.end()
        return _outcome(report)


class _HcsViewer(Program):
    def __init__(self, host: Host) -> None:
        command = ["hcs_viewer", "--bind", host.machine.address, "--data-port", str(PORT)]
        log = host.places.logs / "hcs-viewer.log"
        super().__init__("hcs-viewer", command, host.environment(), log, prefix=host.machine.prefix)


class _Pipeline(Program):
    def __init__(self, host: Host, scheduler: str, viewer: str) -> None:
        command = ["network._pipeline", scheduler, viewer, str(host.places.root / "plates")]
        log = host.places.logs / "pipeline.log"
        super().__init__("pipeline", command, host.environment(), log, prefix=host.machine.prefix)


def _outcome(report: PipelineReport) -> Outcome:
    account = Account(
        images=report.published, lost=report.missing, corrupt=report.wrong, unaccounted=len(report.failures)
    )
    shown = Counter(adopted=report.adopted, shown=report.shown, in_layers=report.in_layers)
    return Outcome(account=account, shown=shown, cuts=1)
