"""What happens in a worker: the images of a well go through all steps, and what each makes is kept and shown.

`process_well` is what executors call. The steps are a chain of generators, so that no more images are in
memory than a step needs at once.
"""

import os
import traceback
from collections.abc import Iterator

from ._calls import Chain
from ._errors import Naming
from ._grouping import Group, Grouping
from ._images import Images, as_one, order_key, result_of
from ._job import Job, WellReport
from ._lend import lending
from ._news import News
from ._on_disk import on_disk
from ._outlets import Outlets, outlets_of
from ._pace import Pace
from ._results import Results
from ._step import Step, common_order
from ._well import Well

STOP_SECONDS = 0.1
"""How often it is asked whether the run is to end."""


class RunStoppedError(Exception):
    """The run ended before this well did."""


def process_well(job: Job, well: Well) -> WellReport:
    """Process one well; whatever goes wrong in it is said in the report."""
    return WellRun(job, well, outlets_of(job)).run()


class WellRun:
    """One well on its way through the steps."""

    def __init__(self, job: Job, well: Well, outlets: Outlets) -> None:
        self._job = job
        self._well = well
        self._outlets = outlets
        self._results = Results(job, well, outlets)
        self._news = News(outlets, job.steps, well)
        self._pace = Pace(STOP_SECONDS)

    def run(self) -> WellReport:
        """Take all images of the well through all steps; an error ends the well, not the run."""
        error, trace, is_stopped = None, "", False
        try:
            self._take_through()
            self._news.done()
        except RunStoppedError:
            is_stopped = True
        except (Exception, SystemExit) as failure:  # a user's function may raise anything
            error = str(failure) or type(failure).__name__
            trace = "".join(traceback.format_exception(failure.__cause__ or failure))
            self._news.failed(error)
        return WellReport(
            images_published=self._results.published,
            images_saved=self._results.saved,
            shown_before_last_published=self._results.shown_before_last_published,
            error=error,
            traceback=trace,
            is_stopped=is_stopped,
            troubles=self._outlets.troubles,
        )

    def _take_through(self) -> None:
        order = common_order(self._job.steps)
        given = sorted(on_disk(self._well.images), key=lambda images: order_key(images, order))
        self._news.expect(len(given))
        images = iter(given)
        for number, step in enumerate(self._job.steps, start=1):
            images = self._through(number, step, images)
        for _ in images:
            pass  # each step has done what it does with it
        self._outlets.settle()
        self._results.finish()

    def _through(self, number: int, step: Step, images: Iterator[Images]) -> Iterator[Images]:
        """Yield what a step makes of images, after it is kept and shown."""
        for group in Grouping(self._job.steps, number).of(images):
            if self._pace.is_due() and os.path.exists(self._job.stop_file):
                raise RunStoppedError
            chain = step.chain(group.components.channel)
            if chain is None:
                yield from group.members
                continue
            result = self._apply(number, step, chain, group)
            with Naming(f"the result of step {number} {step.name!r}", result.components):
                self._results.take(number, step, result)
            self._news.made(number, result.count)
            yield result

    def _apply(self, number: int, step: Step, chain: Chain, group: Group) -> Images:
        with Naming(f"step {number} {step.name!r}", group.components):
            given = as_one(group.members, step.axes)
            group.members.clear()  # their pixels are in one array now
            array = given.pixels()
            with lending(self._outlets.first(number, step, group.components)):
                for call in chain:
                    array = call(array)
            return result_of(given, array, step.kind)
