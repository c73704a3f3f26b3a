"""One step of a pipeline."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from hcs_protocol import Kind

Function = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


@dataclass(frozen=True)
class Step:
    """A function that makes one image of another, and what its result is.

    The function travels to worker processes, so it stands at the top level of a module.
    """

    func: Function
    name: str = ""
    """As it is shown; the function's own by default."""
    kind: Kind = "image"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.func.__name__)
