"""One image's journey, out and back: read this first.

`Stream._prepare` is the way out: address and spec, a place for the pixels, message, copy; `Copies` waits for
one that a GPU makes by itself. `Stream._publish` writes it into the crash journal and gives it to each
viewer's publisher: `Delivery` keeps it, `Link` sends it. The way back, the viewer's release, comes in through
`Link._take`; the last viewer's frees the block.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import NoReturn, Self, Unpack, cast

import msgspec
import numpy as np
import numpy.typing as npt

from hcs_protocol import (
    DisplayConfiguration,
    FileRef,
    FrameRef,
    ImageAddress,
    ImageReady,
    Item,
    Kind,
    PixelsRef,
    PixelWriter,
    PoolFullError,
    ViewerStalledError,
)

from ._addresses import (
    ImageKeywords,
    StepLike,
    Value,
    as_step,
    check_display,
    check_item,
    check_keywords,
    check_run,
    components_of,
    file_ref,
)
from ._compression import Compression, check_compression
from ._copies import Copies
from ._counters import StreamCounters, total
from ._held import ARRAY, Held
from ._holdings import Holdings
from ._overflow import Overflow, OverflowSetting
from ._owed import Owed
from ._publisher import Publisher
from ._registry import exit_timeout
from ._room import Room
from ._run_news import RunNews
from ._specs import Specs, dtype_to_lend
from ._superseding import supersede

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 30.0
TOLD_PATH = 500
"""The longest path that goes with the pixels: an entry of the crash journal has little room."""


class Stream(RunNews):
    """Sends a run's images to its viewers; safe to use from several threads, and a context manager."""

    def __init__(
        self,
        publishers: Sequence[Publisher],
        holdings: Holdings,
        writer: PixelWriter,
        *,
        run: str,
        display: DisplayConfiguration,
        leave: Callable[[Publisher, float], None],
        overflow: Overflow | str = "spill",
        compression: str = "auto",
    ) -> None:
        self.run = check_run(run)
        """All workers of one execution of a pipeline say the same."""
        self._publishers = publishers
        self._by_place = tuple(enumerate(publishers))
        self._last = len(publishers) - 1
        """The place of the viewer that owes the images themselves; others owe copies, which change apart."""
        self._holdings = holdings
        self._specs = Specs(writer)
        self._display = display
        check_display(display)
        self._leave = leave
        self._setting = OverflowSetting(Overflow.of(overflow))
        self._compression = check_compression(compression)
        self._room = Room(holdings, publishers, writer, self._setting)
        self._copies = Copies(self._publish, self._forget)
        self._closed = False

    @property
    def overflow(self) -> Overflow:
        """What becomes of this stream's images when a viewer does not keep up; may be set at any time.

        Takes what `connect` takes: ``"spill"``, ``"block(2.5)"``, ``"drop_oldest"``, ``"latest"``.
        """
        return self._setting.overflow

    @overflow.setter
    def overflow(self, overflow: Overflow | str) -> None:
        self._setting.overflow = Overflow.of(overflow)

    @property
    def compression(self) -> Compression:
        """How pixels are compressed on their way to viewers that do not read this process's memory.

        Takes what `connect` takes: ``"auto"``, ``"none"``, ``"zstd"``, ``"lz4"``.
        """
        return self._compression

    @compression.setter
    def compression(self, compression: str) -> None:
        self._compression = check_compression(compression)

    def lend(self, shape: Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
        """Lend an array in shared memory to compute into; `send` then publishes it without a copy.

        It holds what an earlier image left. Once sent it can be read, but not be written. Its memory comes
        back when the viewers have released it and no array looks at it any more: do not keep it for long.

        Args:
            shape: As of an image: ``(y, x)``, ``(z, y, x)`` or ``(y, x, 3 or 4)``.
            dtype: Of the pixels.

        Raises:
            UnsupportedArrayError: No image has this dtype or shape.
            ViewerStalledError: As `send`.
        """
        if self._closed:
            raise RuntimeError("this stream is closed")
        kind = dtype_to_lend(shape, dtype)
        held = self._room.lend(math.prod(shape) * kind.itemsize)
        return self._holdings.arrays.lend(held, shape, kind)

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
        emission_wavelength: float | None = None,
        display: DisplayConfiguration | None = None,
        file: str | os.PathLike[str] | None = None,
        page: int = 0,
    ) -> None:
        """Send one image; its pixels are copied once, or not at all if the array was lent.

        An array that was not lent may change afterwards. From a CUDA device a copy is only begun: what its
        stream does next waits for that by itself.

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
            emission_wavelength: Of the light in the image, in nanometres; the channel's colour follows it.
            display: How to show this image, if not as the stream says.
            file: A TIFF file, or that of a chunk of a zarr array, that has the same pixels, for good. Where a
                policy would drop the image, the viewer reads it there, and nothing is lost. When its memory
                is full it keeps no copy of it.
            page: Which image of the file.

        Raises:
            UnsupportedArrayError: It is no array, or no viewer can draw it.
            InvalidComponentError: A component has a value that no plate can have.
            ViewerStalledError: The policy waits for room, and a viewer released nothing within its timeout.
            DeviceError: The GPU that has the array cannot copy it: its memory is full, or it is lost.
        """
        keywords: ImageKeywords = {
            "plate": plate,
            "well": well,
            "site": site,
            "channel": channel,
            "z_index": z_index,
            "timepoint": timepoint,
            "step": step,
            "kind": kind,
            "axes": axes,
            "pixel_size": pixel_size,
            "z_step": z_step,
            "emission_wavelength": emission_wavelength,
            "display": display,
            "file": file,
            "page": page,
        }
        self._publish_in_order([self._prepare(array, keywords)])

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
        prepared: list[Owed] = []
        try:
            for array, own in map(_array_and_keywords, images):
                keywords: ImageKeywords = {**common, **own}
                check_keywords(keywords)
                try:
                    prepared.append(self._prepare(array, keywords, wait=False))
                except PoolFullError:
                    full, prepared = prepared, []
                    self._publish_in_order(full)  # what waits here would never be released
                    prepared.append(self._prepare(array, keywords))
        finally:
            self._publish_in_order(prepared)

    def send_prepared(self, image: ImageReady, pixels: memoryview) -> None:
        """Send an image that another worker has prepared, of whatever run it is; its pixels are copied.

        Args:
            image: What it shows; its own sequence, and where its pixels are, say nothing.
            pixels: Its bytes, as its spec says.

        Raises:
            ViewerStalledError: As `send`.
        """
        if self._closed:
            raise RuntimeError("this stream is closed")
        array = np.frombuffer(pixels, np.uint8)
        held = self._room.find(array, array.nbytes)
        try:
            ready = msgspec.structs.replace(image, sequence=1, pixels=_place(held))
            prepared = self._owe(ready, held, image.file)
            self._room.fill(held, array)
        except BaseException:
            self._room.leave(held)
            raise
        self._publish_in_order([prepared])

    def flush(self, timeout: float = FLUSH_SECONDS) -> None:
        """Wait until everything that this process published to the viewer so far is adopted.

        Raises:
            ViewerStalledError: It is not within ``timeout`` seconds; says how many are left.
            DeviceError: A GPU did not hand an image over that was sent before; all others are adopted.
        """
        deadline = time.monotonic() + timeout
        if left := self._copies.settle(timeout):
            raise ViewerStalledError(f"{left} images are left in a device after {timeout:g} s")
        for publisher in self._publishers:
            publisher.flush(max(0.0, deadline - time.monotonic()))
        self._copies.check()

    @property
    def counters(self) -> StreamCounters:
        """What became of the images of all streams of this process to these viewers, added up."""
        return total(publisher.counters for publisher in self._publishers)

    @property
    def counters_by_viewer(self) -> dict[str, StreamCounters]:
        """The same for each viewer, ``"localhost:5555"``."""
        return {publisher.label: publisher.counters for publisher in self._publishers}

    @property
    def viewer_runs(self) -> dict[str, str]:
        """Which life of each viewer the images go to, ``{"localhost:5555": "…"}``; empty while there is none.

        A viewer that is started anew has none of the images that the one before had adopted.
        """
        return {publisher.label: publisher.viewer_run for publisher in self._publishers}

    def close(self, timeout: float | None = None) -> None:
        """Wait until everything is adopted and say Goodbye; a second time is harmless.

        When ``timeout`` seconds were not enough, a warning says how many images are left. By default it waits
        as long as a process that ends, ``$HCS_EXIT_TIMEOUT``, else 30.
        """
        if not self._closed:
            self._closed = True
            timeout = exit_timeout() if timeout is None else timeout
            deadline = time.monotonic() + timeout
            self._copies.close(timeout)
            for publisher in self._publishers:
                self._leave(publisher, max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Stream stays in its process: call connect() in each process, "
            "as docs/how-to/stream-from-a-process-pool.md shows"
        )

    def __repr__(self) -> str:
        return f"<Stream run={self.run!r} {', '.join(map(repr, self._publishers))}>"

    def _prepare(self, array: object, keywords: ImageKeywords, *, wait: bool = True) -> Owed:
        if self._closed:
            raise RuntimeError("this stream is closed")
        step, components = as_step(keywords.get("step")), components_of(keywords)
        spec, nbytes = self._specs.of(array, keywords)
        display = keywords.get("display")
        if display is None:
            display = self._display
        else:
            check_display(display)
        file = file_ref(keywords) if keywords.get("file") is not None else None
        held = self._room.find(array, nbytes, wait=wait)
        try:
            is_lent = ARRAY in held.holders
            if is_lent and isinstance(array, np.ndarray):
                array.setflags(False)  # type: ignore[call-arg]  # by its name it takes five times as long
            told = file if file is None or len(file.path) <= TOLD_PATH else None
            ready = ImageReady(
                sequence=self._publishers[0].next_number(),
                address=ImageAddress(run=self.run, step=step, components=components),
                spec=spec,
                pixels=_place(held),
                display=display,
                file=told,
            )
            prepared = self._owe(ready, held, file)
            if not is_lent:
                self._room.fill(held, array)  # last: it leaves the caches cold
        except BaseException:
            self._room.leave(held)
            raise
        return prepared

    def _owe(self, item: Item, held: Held | None = None, file: FileRef | None = None) -> Owed:
        return Owed(item, held, self._last, file, "", self._setting, compression=self._compression)

    def _publish_in_order(self, images: Sequence[Owed]) -> None:
        try:
            if self._copies.must_wait(images):
                self._copies.add(images)
            else:
                self._publish(images)
        except BaseException:
            if not self._copies.has(images):
                self._room.end_copies()
                self._forget(images)
            raise

    def _publish(self, images: Sequence[Owed]) -> None:
        """Owe these to all viewers from now on, and send to each what it may have."""
        try:
            for image in images:
                if image.held is not None and isinstance(image.item, ImageReady):
                    self._record(image.held, image.item)
            is_latest = self._setting.overflow.policy == "latest"
            for place, publisher in self._by_place:
                owed = images
                if place != self._last:
                    owed = [msgspec.structs.replace(image, place=place) for image in images]
                if is_latest:
                    supersede(publisher, owed)
                publisher.publish(owed, self._setting)
        except BaseException:
            self._forget(images)
            raise

    def _record(self, held: Held, ready: ImageReady) -> None:
        destinations = []
        for publisher in self._publishers:
            destinations.append(publisher.destination())  # a call less than a comprehension
        self._holdings.publish(held, ready, destinations)

    def _forget(self, images: Sequence[Owed]) -> None:
        """Release what the viewers will not be sent: the call was interrupted before they were owed it."""
        for place, publisher in self._by_place:
            for image in images:
                if image.held is not None and not publisher.owes(image.held):
                    self._holdings.release(image.held, place)

    def _publish_news(self, news: Item) -> None:
        check_item(news)
        self._publish_in_order([self._owe(news)])


def _place(held: Held) -> PixelsRef:
    return FrameRef(frame=1, nbytes=held.nbytes) if held.ref is None else held.ref


def _array_and_keywords(entry: object) -> tuple[object, ImageKeywords]:
    match entry:
        case (array, Mapping() as keywords) if isinstance(entry, tuple):
            return array, cast("ImageKeywords", keywords)  # checked with the common ones
        case _:
            return entry, ImageKeywords()
