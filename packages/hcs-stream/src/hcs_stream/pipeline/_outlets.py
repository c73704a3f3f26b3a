"""The viewers of a run as one worker process sees them: a stream to each, and which results it gets."""

import threading
from collections.abc import Iterable
from typing import NamedTuple

from hcs_protocol import Components, DisplayConfiguration, HcsError, RunState
from hcs_stream import Stream
from hcs_stream._plate_runs import components_of, declare_plate
from hcs_stream._viewers import find_viewer
from hcs_stream._whereabouts import LOCAL_HOSTS, is_here
from hcs_stream.config import NapariStreamingConfig
from hcs_stream.microscopes import ImageFile, Plate

from ._job import Job
from ._step import Step
from ._viewing import place

Place = tuple[str, int]
"""Host and data port of a viewer."""
FLUSH_SECONDS = 30.0
KNOWN = 8
"""Runs whose streams a process has at hand."""


class Viewer(NamedTuple):
    """A configuration and the display that it makes."""

    config: NapariStreamingConfig
    display: DisplayConfiguration


class Receiver(NamedTuple):
    """Who gets an image, and how it is shown there."""

    stream: Stream
    display: DisplayConfiguration


class Outlets:
    """One stream for each viewer of a run; several threads may share it."""

    def __init__(self, job: Job, *, wait: bool) -> None:
        """Connect.

        Args:
            job: Whose steps say which viewers there are.
            wait: Whether to wait until all viewers are ready, and to raise where one cannot be.
        """
        self._steps = tuple(enumerate(job.steps, start=1))
        self._said_inside = job.said_inside
        self._viewers = {
            which: [Viewer(config, config.display()) for config in configs]
            for which, configs in job.viewers.items()
        }
        self._streams: dict[Place, Stream] = {}
        self._declared: list[Stream] = []
        self.troubles: tuple[str, ...] = ()
        """Why there are no streams to some of the viewers."""
        for viewer in (viewer for some in self._viewers.values() for viewer in some):
            if place(viewer.config) not in self._streams:
                self._connect(viewer.config, job.run, wait=wait)

    def receivers(self, number: int, components: Components, channel: str | None) -> list[Receiver]:
        """Return who gets a result, each viewer once.

        Args:
            number: Of the step.
            components: Of the result.
            channel: Whose functions made it; None where those of the step are for all channels.
        """
        step = (number, self._steps[number - 1][1].name)
        found: dict[Place, DisplayConfiguration] = {}
        for config, display in self._viewers[number, channel]:
            if place(config) not in found and config.accepts(step, components):
                found[place(config)] = display
        return [Receiver(self._streams[p], display) for p, display in found.items() if p in self._streams]

    def has_viewers(self, number: int, channel: str | None) -> bool:
        """Say whether anybody may get results of these functions of a step."""
        return bool(self._viewers[number, channel])

    def first(self, number: int, step: Step, components: Components) -> Stream | None:
        """Return the first of those who get a result at this place; None if nobody does."""
        channel = None if None in step.chains else str(components.channel)
        receivers = self.receivers(number, components, channel)
        return receivers[0].stream if receivers else None

    def listeners(self, number: int, kinds: Iterable[Components]) -> list[Stream]:
        """Return who gets some result of this step that has one of these wells and channels."""
        kinds = list(kinds)
        channels = [channel for of, channel in self._viewers if of == number]
        found = {
            id(receiver.stream): receiver.stream
            for components in kinds
            for channel in channels
            for receiver in self.receivers(number, components, channel)
        }
        return list(found.values())

    def declare(self, plate: Plate) -> None:
        """Tell each viewer what it is going to get."""
        kinds = kinds_of(plate.images)
        for stream in self._streams.values():
            steps = [(n, step.name) for n, step in self._steps if stream in self.listeners(n, kinds)]
            heard = {
                kind for kind in kinds if any(stream in self.listeners(n, [kind]) for n, _ in self._steps)
            }
            if heard:
                self._declared.append(stream)
                told = [components_of(image) for image in plate.images if _kind(image) in heard]
                merged = set.intersection(*(self._grouped(number) for number, _ in steps))
                declare_plate(stream, told, name=plate.name, steps=steps, unsaid=merged | self._said_inside)

    def end_run(self, state: RunState) -> None:
        """Tell all who were told of the run that it is over."""
        for stream in self._declared:
            stream.end_run(state=state)

    @property
    def has_shown(self) -> bool:
        """Whether a viewer has shown an image of this process."""
        return any(stream.counters.shown for stream in self._streams.values())

    def settle(self) -> None:
        """Wait until viewers on other machines have everything: it would die with this process.

        Raises:
            ViewerStalledError: They do not take it.
        """
        for (host, port), stream in self._streams.items():
            if _is_elsewhere(host, port):
                stream.flush(FLUSH_SECONDS)

    def close(self, timeout: float) -> None:
        """Leave all viewers; a second time is harmless."""
        for stream in self._streams.values():
            stream.close(timeout)

    def _grouped(self, number: int) -> set[str]:
        """Return the components that may be no part of the addresses of a step's results."""
        return {component for _, step in self._steps[:number] for component in step.axes}

    def _connect(self, config: NapariStreamingConfig, run: str, *, wait: bool) -> None:
        try:
            self._streams[place(config)] = config.connect(run=run, wait=wait)
        except HcsError as error:
            if wait:
                self.close(0)
                raise
            host, port = place(config)
            self.troubles += (f"nothing is streamed to {host}:{port}: {error}",)


_known: dict[str, Outlets] = {}
"""Of this process, by run."""
_lock = threading.Lock()


def outlets_of(job: Job, *, wait: bool = False) -> Outlets:
    """Return the streams of this process for a run; the first call connects them."""
    with _lock:
        if job.run not in _known:
            while len(_known) >= KNOWN:  # by workers that outlive runs, as those of a cluster
                _known.pop(next(iter(_known)))
            _known[job.run] = Outlets(job, wait=wait)
        return _known[job.run]


def forget_outlets(job: Job, timeout: float) -> None:
    """Leave the viewers of a run that is over, within some seconds; a second time is harmless."""
    with _lock:
        outlets = _known.pop(job.run, None)
    if outlets:
        outlets.close(timeout)


def kinds_of(images: Iterable[ImageFile]) -> set[Components]:
    """Return what filters can tell apart: the wells and channels of images."""
    return {_kind(image) for image in images}


def _is_elsewhere(host: str, port: int) -> bool:
    """Say whether a viewer is on another machine, be it that a tunnel makes it look like one of this."""
    if host not in LOCAL_HOSTS:
        return True
    viewer = find_viewer(port, host=host)
    return viewer is not None and not is_here(viewer.connection)


def _kind(image: ImageFile) -> Components:
    return Components(plate=image.plate, well=image.well, channel=image.channel or None)
