"""What a stream says about its run: what to expect, how far it is, how it ended."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from hcs_protocol import InvalidComponentError, Item, RunEnded, RunStarted, RunState, StepProgress, StepState

from ._addresses import StepLike, Value, as_step, as_values, component_text


class RunNews(ABC):
    """The part of a stream that sends no images."""

    run: str
    """All workers of one execution of a pipeline say the same."""

    def declare(
        self,
        *,
        plates: Iterable[Value] = (),
        wells: Iterable[Value] = (),
        sites: Iterable[Value] = (),
        channels: Iterable[Value] = (),
        z_indexes: Iterable[Value] = (),
        timepoints: Iterable[Value] = (),
        steps: Iterable[StepLike] = (),
        name: str = "",
    ) -> None:
        """Say what this run expects, so that the viewer has its axes from the beginning.

        Args:
            plates: The values of each component that images will have; so are the following.
            wells: As above.
            sites: As above.
            channels: As above.
            z_indexes: As above.
            timepoints: As above.
            steps: The steps of the pipeline, as `send` takes them.
            name: How people call the run.

        Raises:
            InvalidComponentError: One of the values is none that a plate can have, or there are too many.
        """
        started = RunStarted(
            sequence=1,
            run=self.run,
            name=name,
            plates=as_values("plate", plates),
            wells=as_values("well", wells),
            sites=as_values("site", sites),
            channels=as_values("channel", channels),
            z_indexes=as_values("z_index", z_indexes),
            timepoints=as_values("timepoint", timepoints),
            steps=[step for step in map(as_step, steps) if step],
        )
        self._publish_news(started)

    def progress(
        self,
        *,
        step: StepLike,
        well: Value = None,
        plate: Value = None,
        state: StepState = "running",
        done: int = 0,
        of: int = 0,
        error: str | None = None,
    ) -> None:
        """Say how far a step is in one well.

        Raises:
            InvalidComponentError: There is no step, or a value is out of its bounds.
        """
        named = as_step(step)
        if named is None:
            raise InvalidComponentError("wanted the step that makes progress, got None")
        where, which = component_text("well", well), component_text("plate", plate)
        news = StepProgress(
            sequence=1,
            run=self.run,
            step=named,
            well=where,
            plate=which,
            state=state,
            done=done,
            of=of,
            error=error,
        )
        self._publish_news(news)

    def end_run(self, *, state: RunState = "completed", error: str | None = None) -> None:
        """Say that this run is over.

        Raises:
            InvalidComponentError: The state is none that a run can have.
        """
        self._publish_news(RunEnded(sequence=1, run=self.run, state=state, error=error))

    @abstractmethod
    def _publish_news(self, news: Item) -> None:
        """Send this, in its order among the images."""
