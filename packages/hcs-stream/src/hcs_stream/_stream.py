"""One image's journey, out and back: read this first.

`Stream._prepare` is the way out: address and spec, message, room for the pixels, the pixels. `Delivery`
numbers and keeps it, `Session` sends it. The way back, the viewer's release, comes in through `Link._take`.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self, Unpack, cast

from hcs_protocol import (
    DisplayConfiguration,
    FrameRef,
    ImageReady,
    InvalidComponentError,
    Item,
    Kind,
    PixelWriter,
    PoolFullError,
    RunEnded,
    RunStarted,
    RunState,
    StepProgress,
    StepState,
)

from ._addresses import (
    ImageKeywords,
    StepLike,
    Value,
    as_step,
    as_values,
    check_item,
    component_text,
    image_address,
    image_spec,
)
from ._delivery import Outgoing, StreamCounters
from ._publisher import Publisher

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 30.0


class Stream:
    """Sends a run's images to one viewer; safe to use from several threads, and a context manager."""

    def __init__(
        self,
        publisher: Publisher,
        writer: PixelWriter,
        *,
        run: str,
        display: DisplayConfiguration,
        leave: Callable[[Publisher, float], None],
    ) -> None:
        self.run = run
        """All workers of one execution of a pipeline say the same."""
        self._publisher = publisher
        self._writer = writer
        self._display = display
        self._leave = leave
        self._closed = False

    def send(
        self,
        array: object,
        *,
        plate: Value = None,
        well: Value = None,
        site: Value = None,
        channel: Value = None,
        z_index: Value = None,
        timepoint: Value = None,
        step: StepLike = None,
        kind: Kind = "image",
        axes: str | Sequence[str] | None = None,
        pixel_size: float | tuple[float, float] | None = None,
        z_step: float | None = None,
        display: DisplayConfiguration | None = None,
    ) -> None:
        """Send one image; its pixels are copied, so the array may change afterwards.

        Args:
            array: Pixels of shape ``(y, x)``, ``(z, y, x)`` or ``(y, x, 3 or 4)``, of any supported library.
            plate: Its name.
            well: Row letters and column, ``"B03"``; other texts are kept as they are.
            site: Its number or name, as all following components.
            channel: Its name, ``"DAPI"``, or its number.
            z_index: The number of the z-plane; None beside numbered planes is a projection.
            timepoint: Its number.
            step: ``(2, "gaussian_blur")``; pipelines count from 1, a name alone has the index 0.
            kind: ``"image"``, or ``"labels"`` for integers that number objects.
            axes: ``"yx"``, ``"zyx"`` or ``"yxc"``; by default, three axes are colours if the last is 3 or 4
                long and the dtype is uint8.
            pixel_size: Height and width of a pixel, or both at once, in micrometres.
            z_step: Distance of two z-planes in micrometres.
            display: How to show this image, if not as the stream says.

        Raises:
            UnsupportedArrayError: It is no array, or no viewer can draw it.
            InvalidComponentError: A component has a value that no plate can have.
            ViewerStalledError: No block was released within the stream's ``stall_timeout``.
        """
        keywords = ImageKeywords(
            plate=plate,
            well=well,
            site=site,
            channel=channel,
            z_index=z_index,
            timepoint=timepoint,
            step=step,
            kind=kind,
            axes=axes,
            pixel_size=pixel_size,
            z_step=z_step,
            display=display,
        )
        self._publisher.publish([self._prepare(array, keywords)])

    def send_batch(self, images: Iterable[object], **common: Unpack[ImageKeywords]) -> None:
        """Send several images together, in one message if the viewer reads this worker's shared memory.

        Args:
            images: Arrays, or pairs of an array and a dictionary of keywords of `send` that are its own.
            **common: Keywords of `send` that all of them share.

        Raises:
            UnsupportedArrayError: As `send`; the images before it are sent.
            InvalidComponentError: As `send`; the images before it are sent.
            ViewerStalledError: As `send`; the images before it are sent.
        """
        prepared: list[Outgoing] = []
        try:
            for array, own in map(_array_and_keywords, images):
                keywords: ImageKeywords = {**common, **own}
                try:
                    prepared.append(self._prepare(array, keywords, wait=False))
                except PoolFullError:
                    self._publisher.publish(prepared)  # what waits here would never be released
                    prepared = []
                    prepared.append(self._prepare(array, keywords))
        finally:
            self._publisher.publish(prepared)

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

    def flush(self, timeout: float = FLUSH_SECONDS) -> None:
        """Wait until everything that this process published to the viewer so far is adopted.

        Raises:
            ViewerStalledError: It is not within ``timeout`` seconds; says how many are left.
        """
        self._publisher.flush(timeout)

    @property
    def counters(self) -> StreamCounters:
        """What became of the images of all streams of this process to this viewer."""
        return self._publisher.counters

    def close(self, timeout: float = FLUSH_SECONDS) -> None:
        """Wait until everything is adopted and say Goodbye; a second time is harmless.

        When ``timeout`` seconds were not enough, a warning says how many images are left.
        """
        if not self._closed:
            self._closed = True
            self._leave(self._publisher, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Stream run={self.run!r} {self._publisher!r}>"

    def _prepare(self, array: object, keywords: ImageKeywords, *, wait: bool = True) -> Outgoing:
        if self._closed:
            raise RuntimeError("this stream is closed")
        address = image_address(self.run, keywords)
        spec = image_spec(*self._writer.layout(array), keywords)
        ready = ImageReady(
            sequence=1,
            address=address,
            spec=spec,
            pixels=FrameRef(frame=1, nbytes=spec.nbytes),
            display=keywords.get("display") or self._display,
        )
        check_item(ready)
        held = self._publisher.hold(spec.nbytes, wait=wait)
        try:
            self._writer.write(array, held.pixels)
        except BaseException:
            self._publisher.give_back(held)
            raise
        return Outgoing(ready, held)

    def _publish_news(self, news: Item) -> None:
        check_item(news)
        self._publisher.publish([Outgoing(news)])


def _array_and_keywords(entry: object) -> tuple[object, ImageKeywords]:
    match entry:
        case (array, Mapping() as keywords) if isinstance(entry, tuple):
            return array, cast("ImageKeywords", keywords)  # checked with the common ones
        case _:
            return entry, ImageKeywords()
