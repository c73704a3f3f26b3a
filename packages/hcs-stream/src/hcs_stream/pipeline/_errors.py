"""What can be wrong with a pipeline, its functions and its workers.

HcsError
├── StepDefinitionError (TypeError)          a step is not what a step can be
├── UnknownChannelError (LookupError)        a step has a function for a channel that the plate has not
├── UnportableFunctionError (TypeError)      worker processes could not import a step's function
├── UnknownExecutorError (ValueError)        there is no executor of this name
├── NoSchedulerError (ConnectionError)       no Dask scheduler answers at this address
├── RunOptionError (ValueError)              a run cannot be done as it is wanted
├── GroupError (ValueError)                  images make no array together, or a result has no address
├── StepFailedError (RuntimeError)           a step could not be done with an image
└── WorkersDoNotStartError (RuntimeError)    worker processes end before they do anything
"""

from types import TracebackType

from hcs_protocol import COMPONENTS, Components, HcsError
from hcs_stream._unicode import readable


class StepDefinitionError(HcsError, TypeError):
    """A step is not what a step can be."""


class UnknownChannelError(HcsError, LookupError):
    """A step has a function for a channel that the plate has not."""


class UnportableFunctionError(HcsError, TypeError):
    """Worker processes could not import a step's function."""


class UnknownExecutorError(HcsError, ValueError):
    """There is no executor of this name."""


class NoSchedulerError(HcsError, ConnectionError):
    """No Dask scheduler answers at this address."""


class RunOptionError(HcsError, ValueError):
    """A run cannot be done as it is wanted."""


class GroupError(HcsError, ValueError):
    """Images make no array together, or nobody knows what a result shows."""


class StepFailedError(HcsError, RuntimeError):
    """A step could not be done with an image; the text says which, and why."""


class WorkersDoNotStartError(HcsError, RuntimeError):
    """Worker processes end before they do anything."""


class Naming:
    """Let whatever goes wrong meanwhile say what was being done, and with which image.

    A user's function may raise anything, also a StopIteration, which a generator's context would let through.
    """

    def __init__(self, doing: str, components: Components) -> None:
        self._doing = doing
        self._components = components

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, KeyboardInterrupt):
            return
        said = ((name, self._components.value(name)) for name in COMPONENTS)
        where = ", ".join(f"{name} {value}" for name, value in said if value is not None)
        what = readable(f"{type(error).__name__}: {error}")
        raise StepFailedError(f"{self._doing}, {where}: {what}") from error
