"""Workers of a Dask cluster: one that runs already, or one on this machine."""

import importlib
import logging
from concurrent.futures import Executor, Future
from functools import lru_cache
from typing import Any

from hcs_stream._extras import extra

from ._errors import NoSchedulerError
from ._job import Job, WellReport
from ._well import Well
from ._worker import process_well
from ._workers import AHEAD, Workers

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 30.0


class DaskWorkers(Workers):
    """All workers of a cluster; it moves the wells of a worker that died to others by itself."""

    knows_who_died = False  # Dask suspects all wells that a worker had, the waiting ones too

    def __init__(self, client: Any, *, owned: tuple[Any, ...] = ()) -> None:
        """Use a client.

        Args:
            client: A ``distributed.Client``.
            owned: What to close at the end, in this order.
        """
        self._client = client
        self._owned = owned
        self._executor: Executor = client.get_executor(pure=False)
        self._pickled: tuple[Job, bytes] | None = None

    @property
    def room(self) -> int:
        """One well for each thread of the cluster as it is now, and a few."""
        try:
            threads = sum(self._client.nthreads().values())
        except OSError as error:
            raise NoSchedulerError(
                f"wanted the Dask scheduler that there was, it is gone: {error}"
            ) from error
        if not threads:
            logger.warning("cluster has no workers yet scheduler=%r", self._client)
        return int(threads) + AHEAD

    def submit(self, job: Job, well: Well) -> "Future[WellReport]":
        """Hand it to the scheduler."""
        if self._pickled is None:
            pickle = importlib.import_module("cloudpickle")  # functions of scripts go by value
            self._pickled = job, pickle.dumps(job)
        return self._executor.submit(process_pickled, self._pickled[1], well)

    def deaths(self, error: BaseException) -> int:
        """Count what Dask says: it gives up a well after several workers died that had it."""
        return 2 if type(error).__name__ == "KilledWorker" else 0

    def end(self) -> None:
        """Close what is ours."""
        self._executor.shutdown()
        for owned in self._owned:
            owned.close()

    def interrupt(self) -> None:
        """Begin nothing more; a worker elsewhere ends the well that it is at."""
        self._executor.shutdown(wait=False)
        for owned in self._owned:
            owned.close()


def process_pickled(job: bytes, well: Well) -> WellReport:
    """Process one well in a Dask worker."""
    return process_well(_unpickled(job), well)


def dask_workers(address: str | None, count: int) -> DaskWorkers:
    """Return the workers of the scheduler at this address, or so many processes of this machine.

    Raises:
        MissingExtraError: Dask is not installed.
        NoSchedulerError: None answers at the address.
    """
    distributed = _distributed()
    if address is not None:
        client = _client(distributed, address)
        return DaskWorkers(client, owned=(client,))
    cluster = distributed.LocalCluster(
        n_workers=count, threads_per_worker=1, processes=True, dashboard_address=":0"
    )
    client = _client(distributed, cluster)
    return DaskWorkers(client, owned=(client, cluster))


@lru_cache(4)
def _unpickled(job: bytes) -> Job:
    pickle = importlib.import_module("cloudpickle")
    found: Job = pickle.loads(job)  # from the client, whose functions Dask runs here anyway
    return found


def _client(distributed: Any, where: object) -> Any:
    try:
        return distributed.Client(where, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise NoSchedulerError(f"wanted a Dask scheduler at {where!r}, none answers: {error}") from error


def _distributed() -> Any:
    with extra("dask", needs="executor='dask'"):
        return importlib.import_module("distributed")
