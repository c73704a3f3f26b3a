"""What becomes of results: they are kept in the run's output, and shown by viewers."""

from collections.abc import Sequence
from dataclasses import replace

from hcs_protocol import COMPONENTS, FileRef

from ._arrays import to_host
from ._images import Images
from ._job import Job
from ._outlets import Outlets, Receiver
from ._pace import Pace
from ._saving import Saver
from ._step import Step
from ._well import Well

LOOK_SECONDS = 0.05
"""How often it is asked whether a viewer shows something."""


class Results:
    """Takes the results of one well, and counts them."""

    def __init__(self, job: Job, well: Well, outlets: Outlets) -> None:
        self._job = job
        self._lengths = job.lengths_of(well.plate)
        self._outlets = outlets
        self._saver = Saver(job, well)
        self.published = 0
        """Images that were sent; to how many viewers, does not matter."""
        self.shown_before_last_published = False
        self._pace = Pace(LOOK_SECONDS)

    def take(self, number: int, step: Step, result: Images) -> None:
        """Keep a result and show it, if that is wanted."""
        is_kept = self._saver.keeps(step)
        channel = None if None in step.chains else str(result.components.channel)
        if not is_kept and not self._outlets.has_viewers(number, channel):
            return
        parts = _parts(replace(result, array=to_host(result.array)), whole=not is_kept)
        references = self._saver.save(number, step, parts) if is_kept else [None] * len(parts)
        for part, reference in zip(parts, references, strict=True):
            receivers = self._outlets.receivers(number, part.components, channel)
            self._send(number, step, part, reference, receivers)

    @property
    def saved(self) -> int:
        """Images that were kept."""
        return self._saver.saved

    def finish(self) -> None:
        """Write down that all of the well is kept."""
        self._saver.finish()

    def _send(
        self, number: int, step: Step, part: Images, lies_in: FileRef | None, receivers: Sequence[Receiver]
    ) -> None:
        if not receivers:
            return
        if not self.shown_before_last_published and self._pace.is_due():
            self.shown_before_last_published = self._outlets.has_shown
        components = {name: part.components.value(name) for name in COMPONENTS}
        if part.axes:
            components["z_index"] = part.values[0][0]
        for stream, display in receivers:
            stream.send(
                part.array,
                **components,
                step=(number, step.name),
                kind=step.kind,
                axes="zyx" if part.axes else None,
                pixel_size=self._lengths.pixel_size,
                z_step=self._lengths.z_step,
                emission_wavelength=self._job.wavelengths.get(str(part.components.channel)),
                display=display,
                file=lies_in.path if lies_in else None,
                page=lies_in.key if lies_in else 0,
            )
        self.published += 1


def _parts(result: Images, *, whole: bool) -> list[Images]:
    """Return a result as images that are sent: a whole stack of consecutive planes, or each by itself."""
    if whole and result.axes == ("z_index",) and result.lengths[0] > 1:
        numbers = result.values[0]
        if isinstance(numbers[0], int) and list(numbers) == list(
            range(numbers[0], numbers[0] + len(numbers))
        ):
            return [result]
    return list(result.planes())
