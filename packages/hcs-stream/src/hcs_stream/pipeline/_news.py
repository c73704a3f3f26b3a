"""What viewers hear of a well's progress; not more often than people can read."""

from collections import Counter
from contextlib import suppress

from hcs_protocol import HcsError, StepState

from ._outlets import Outlets, kinds_of
from ._pace import Pace
from ._step import Step
from ._well import Well

PERIOD_SECONDS = 0.25


class News:
    """Tells viewers how far one well is in each step."""

    def __init__(self, outlets: Outlets, steps: tuple[Step, ...], well: Well) -> None:
        self._names = {number: step.name for number, step in enumerate(steps, start=1)}
        self._well = well
        self._of = len(well.images)
        kinds = kinds_of(well.images)
        self._listeners = {number: outlets.listeners(number, kinds) for number in self._names}
        self._made: Counter[int] = Counter()
        self._pace = Pace(PERIOD_SECONDS)

    def expect(self, count: int) -> None:
        """Note how many images there are: a file may have several."""
        self._of = count

    def made(self, number: int, count: int) -> None:
        """Note that a step is done with so many of the well's images on disk."""
        self._made[number] += count
        if self._pace.is_due():
            self._tell(number, "running")

    def done(self) -> None:
        """Say that all steps are done."""
        for number in self._names:
            self._tell(number, "done")

    def failed(self, error: str) -> None:
        """Say what went wrong."""
        for number in self._names:
            self._tell(number, "failed", error)

    def _tell(self, number: int, state: StepState, error: str | None = None) -> None:
        for stream in self._listeners[number]:
            with suppress(HcsError):  # the images are what matters
                stream.progress(
                    step=(number, self._names[number]),
                    plate=self._well.plate,
                    well=self._well.name,
                    state=state,
                    done=self._made[number],
                    of=self._of,
                    error=error[:500] if error else None,
                )
