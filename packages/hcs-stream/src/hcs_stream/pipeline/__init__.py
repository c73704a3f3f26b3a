"""Steps over the images of a plate, by any executor, which stream and keep what each step makes."""

from hcs_stream._extras import MissingExtraError
from hcs_stream.config import PipelineConfig

from ._errors import (
    GroupError,
    NoSchedulerError,
    RunOptionError,
    StepDefinitionError,
    StepFailedError,
    UnknownChannelError,
    UnknownExecutorError,
    UnportableFunctionError,
    WorkersDoNotStartError,
)
from ._lend import lend
from ._pipeline import Pipeline, run
from ._report import RunInterruptedError, RunReport
from ._step import Step

__all__ = [
    "GroupError",
    "MissingExtraError",
    "NoSchedulerError",
    "Pipeline",
    "PipelineConfig",
    "RunInterruptedError",
    "RunOptionError",
    "RunReport",
    "Step",
    "StepDefinitionError",
    "StepFailedError",
    "UnknownChannelError",
    "UnknownExecutorError",
    "UnportableFunctionError",
    "WorkersDoNotStartError",
    "lend",
    "run",
]
