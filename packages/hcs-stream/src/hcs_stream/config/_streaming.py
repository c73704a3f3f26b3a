"""What is streamed, and where to."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Literal, TypeAlias

from hcs_protocol import (
    CONTROL_OFFSET,
    DATA_PORT,
    Components,
    InvalidPortError,
    check_data_port,
)
from hcs_stream import Compression, Overflow, Stream, connect

from ._display import NapariDisplayConfig
from ._errors import InvalidFilterError
from ._filters import channel_filter, step_filter, well_filter
from ._inheritance import Explained
from ._selection import Selection, StepLike
from ._settings import Check

CONNECT_SECONDS = 30.0
NOWHERE = Components()
Streamed: TypeAlias = Literal["all", "materialised", "none"]


def _filter_check(make: Callable[..., object]) -> Check:
    def wanted_instead(said: object) -> str | None:
        try:
            make(said)
        except InvalidFilterError as error:
            return error.wanted
        return None

    return wanted_instead


def _wanted_overflow(said: Overflow | str) -> str | None:
    try:
        Overflow.of(said)
    except ValueError:
        return "spill, block, block(seconds), drop_oldest or latest"
    return None


def _wanted_port(port: int) -> str | None:
    try:
        check_data_port(port)
    except InvalidPortError:
        return f"a data port from 1024 to {65535 - CONTROL_OFFSET}"
    return None


def _wanted_text(text: str | Sequence[str]) -> str | None:
    return None if text and (not isinstance(text, str) or text.strip()) else "a text that says something"


STREAMING_CHECKS: Mapping[str, Check] = {
    "step_filter": _filter_check(step_filter),
    "well_filter": _filter_check(well_filter),
    "channel_filter": _filter_check(channel_filter),
    "overflow": _wanted_overflow,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamingConfig(Explained):
    """What is streamed to a viewer, of any kind."""

    checks: ClassVar[Mapping[str, Check]] = STREAMING_CHECKS

    enabled: bool = True
    """Whether anything is."""
    persistent: bool = True
    """Whether a viewer that is started outlives the pipeline."""
    stream: Streamed = "materialised"
    """Which results of a step: all, those that are also written to disk or zarr, or none."""
    step_filter: str | int | Sequence[str | int] | None = None
    """Which steps: index, name or glob, as `hcs_stream.config.step_filter`; None is all."""
    well_filter: str | Sequence[str] | None = None
    """Which wells: ``"A01"``, ``"A*"``, ``"A01-B03"``, as `hcs_stream.config.well_filter`; None is all."""
    channel_filter: str | int | Sequence[str | int] | None = None
    """Which channels: name, number or glob, as `hcs_stream.config.channel_filter`; None is all."""
    overflow: Overflow | str | None = None
    """What becomes of images when the viewer does not keep up; None is ``$HCS_OVERFLOW``, else spill."""

    compression: Compression | None = None
    """Of pixels on their way to a viewer on another machine; None is ``$HCS_COMPRESSION``, else auto."""

    def accepts(
        self,
        step: StepLike = None,
        components: Mapping[str, object] | Components = NOWHERE,
    ) -> bool:
        """Say whether an image of this step, with these components of its address, is streamed.

        An image without a well passes no well filter, and likewise step and channel. Step and components are
        as `hcs_stream.Stream.send` takes them.
        """
        return self._selection.accepts(step, components)

    @cached_property
    def _selection(self) -> Selection:
        return Selection(
            self.enabled and self.stream != "none",
            None if self.step_filter is None else step_filter(self.step_filter),
            None if self.well_filter is None else well_filter(self.well_filter),
            None if self.channel_filter is None else channel_filter(self.channel_filter),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NapariStreamingConfig(StreamingConfig, NapariDisplayConfig):
    """What is streamed to one napari viewer, where it listens, and how it shows the images."""

    checks: ClassVar[Mapping[str, Check]] = {
        "napari_port": _wanted_port,
        "napari_host": _wanted_text,
        "viewer_command": _wanted_text,
    }

    napari_port: int = DATA_PORT
    """The viewer's data port."""
    napari_host: str = "localhost"
    """The viewer's machine; ``"user@server"`` if ssh leads there."""
    viewer_title: str | None = None
    """Of the window of a viewer that is started; None is the viewer's own."""
    viewer_command: str | Sequence[str] | None = None
    """What starts a viewer; None is ``$HCS_VIEWER_COMMAND``, else the viewer of this environment."""
    on_port_conflict: Literal["next", "error"] = "next"
    """Whether a viewer takes the next free ports if another program has its own, or is not started."""

    def connect(
        self, *, run: str | None = None, wait: bool = True, timeout: float = CONNECT_SECONDS
    ) -> Stream:
        """Return a stream to this viewer, as `hcs_stream.connect` does; one is started if none runs.

        Args:
            run: One execution of a pipeline; all its workers say the same.
            wait: Whether to wait until the viewer is ready; if not, images sent meanwhile arrive later.
            timeout: Seconds to wait for that.

        Raises:
            HcsError: As `hcs_stream.connect`.
        """
        return connect(
            data_port=self.napari_port,
            host=self.napari_host,
            run=run,
            display=self.display(),
            viewer_command=self.viewer_command,
            title=self.viewer_title,
            persistent=self.persistent,
            on_port_conflict=self.on_port_conflict,
            wait=wait,
            timeout=timeout,
            overflow=self.overflow,
            compression=self.compression,
        )
