"""From what a caller says to who processes the wells."""

from concurrent.futures import Executor, ProcessPoolExecutor
from typing import TypeAlias

from ._dask import DaskWorkers, dask_workers
from ._errors import UnknownExecutorError
from ._processes import BorrowedPool, ProcessWorkers
from ._workers import ExecutorWorkers, ThreadWorkers, Workers, spare_cores, this_thread

ExecutorLike: TypeAlias = Executor | str | object
"""``"serial"``, ``"threads"``, ``"processes"``, ``"dask"``, the address of a Dask scheduler
``"tcp://host:8786"``, a Dask client, or any executor of `concurrent.futures`."""

NAMES = ("serial", "threads", "processes", "dask")
SCHEMES = ("tcp://", "tls://", "ucx://", "ws://", "wss://")


def workers_of(executor: ExecutorLike, count: int | None) -> Workers:
    """Return the workers that an executor has.

    Args:
        executor: As `ExecutorLike`.
        count: How many; by default one less than there are cores. Of an executor of somebody else, how many
            it has, if it does not say so itself.

    Raises:
        UnknownExecutorError: It is none.
        MissingExtraError: Dask is wanted, and not installed.
    """
    match executor:
        case "serial":
            return this_thread()
        case "threads":
            return ThreadWorkers(count or spare_cores())
        case "processes":
            return ProcessWorkers(count or spare_cores())
        case "dask":
            return dask_workers(None, count or spare_cores())
        case str() if executor.startswith(SCHEMES):
            return dask_workers(executor, 0)
        case Executor():
            return _borrowed(executor, count)
        case _ if hasattr(executor, "get_executor") and hasattr(executor, "nthreads"):
            return DaskWorkers(executor)
    names = ", ".join(map(repr, NAMES))
    wanted = f"wanted {names}, the address of a Dask scheduler 'tcp://…', or an executor"
    raise UnknownExecutorError(f"{wanted}, found {executor!r}")


def needs_pickling(executor: ExecutorLike) -> bool:
    """Say whether functions certainly travel to processes that import them."""
    return executor == "processes" or isinstance(executor, ProcessPoolExecutor)


def _borrowed(executor: Executor, count: int | None) -> Workers:
    if _is_dask(executor):
        return DaskWorkers(executor._client)  # type: ignore[attr-defined]  # noqa: SLF001  # it tells nobody else
    number = count or getattr(executor, "_max_workers", None) or spare_cores()
    if isinstance(executor, ProcessPoolExecutor):
        return BorrowedPool(executor, number)
    return ExecutorWorkers(executor, number, is_ours=False)


def _is_dask(executor: Executor) -> bool:
    return type(executor).__module__.startswith("distributed.")
