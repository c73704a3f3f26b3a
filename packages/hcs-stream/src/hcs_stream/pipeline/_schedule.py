"""Which well is processed when: few in hand at once, and those whose worker died again, but not for ever."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait

from ._job import Job, WellReport
from ._report import Tally
from ._well import Well
from ._workers import Workers

logger = logging.getLogger(__name__)


class Schedule:
    """Hands wells to workers until all are done."""

    def __init__(
        self,
        job: Job,
        wells: Iterable[Well],
        workers: Workers,
        tally: Tally,
        say: Callable[[int, int], None],
        *,
        attempts: int,
        stops_on_error: bool,
    ) -> None:
        self._job = job
        self._waiting = deque(wells)
        self._suspects: deque[Well] = deque()
        """Wells on which a worker may have died: each is alone when it is processed again."""
        self._in_hand: dict[Future[WellReport], Well] = {}
        self._deaths: Counter[Well] = Counter()
        self._workers = workers
        self._tally = tally
        self._say = say
        self._attempts = attempts
        self._stops_on_error = stops_on_error

    def go(self) -> None:
        """Process all wells, and let the workers go."""
        while True:
            self._begin()
            if not self._in_hand:
                break
            self._take(wait(self._in_hand, return_when=FIRST_COMPLETED).done)
        self._workers.end()

    def interrupt(self) -> None:
        """Let the workers go as soon as may be, and note what they have done."""
        try:
            self._workers.interrupt()
        finally:  # also when somebody does not wait for them
            for future, well in self._in_hand.items():
                if future.done() and not future.cancelled() and future.exception() is None:
                    self._tally.add(well, future.result())

    def _begin(self) -> None:
        if self._stops_on_error and self._tally.has_failed:
            self._waiting.clear()
            self._suspects.clear()
        while self._waiting and len(self._in_hand) < self._workers.room:
            self._submit(self._waiting.popleft())
        if self._suspects and not self._in_hand:
            self._submit(self._suspects.popleft())

    def _submit(self, well: Well) -> None:
        try:
            future = self._submitted(well)
        except BrokenExecutor as error:
            self._give_up(well, f"wanted an executor that works, found one that broke: {error}")
            self._waiting.clear()
            self._suspects.clear()
            return
        self._in_hand[future] = well

    def _submitted(self, well: Well) -> Future[WellReport]:
        try:
            return self._workers.submit(self._job, well)
        except BrokenExecutor:
            mended = self._workers.mended()
            if mended is None:
                raise
            self._workers = mended
            return mended.submit(self._job, well)

    def _take(self, done: Iterable[Future[WellReport]]) -> None:
        """Take reports; whoever keeps futures longer has Dask process a well again when a worker is lost."""
        for future in done:
            well = self._in_hand.pop(future)
            try:
                self._note(well, future.result())
            except (Exception, CancelledError) as error:  # each executor has its own ways to say it
                if deaths := self._workers.deaths(error):
                    self._bury(well, deaths, error)
                else:
                    self._give_up(well, f"{type(error).__name__}: {error}")

    def _bury(self, well: Well, deaths: int, error: BaseException) -> None:
        self._deaths[well] += deaths
        logger.warning("worker died well=%s deaths=%d error=%s", well, self._deaths[well], error)
        mended = self._workers.mended()
        self._workers = mended or self._workers
        if mended is None or self._deaths[well] >= self._attempts:
            died = f"its worker died {self._deaths[well]} times"
            self._give_up(well, f"{died}: killed, out of memory, or by an error in foreign code")
        elif self._workers.knows_who_died:
            self._waiting.append(well)
        else:
            self._suspects.append(well)

    def _give_up(self, well: Well, reason: str) -> None:
        self._note(well, WellReport(error=reason))

    def _note(self, well: Well, report: WellReport) -> None:
        self._tally.add(well, report)
        if report.error:
            logger.error("well failed well=%s error=%s", well, report.error)
        self._say(self._tally.done, self._tally.of)
