"""Steps over the images of a plate, in worker processes that stream what each step makes."""

from ._run import RunReport, run
from ._step import Step

__all__ = ["RunReport", "Step", "run"]
