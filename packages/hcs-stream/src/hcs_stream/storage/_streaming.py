"""The backend ``napari_stream``: images go to a viewer, at the address that their paths say."""

import dataclasses
import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from hcs_protocol import COMPONENTS, DisplayConfiguration, FileRef

from ._addresses import Address, addresses_of
from ._backend import BatchBackend, Reference, StreamingBackend
from ._errors import WrongBatchError

if TYPE_CHECKING:
    from hcs_stream import Stream
    from hcs_stream.config import NapariStreamingConfig

_StreamKey: TypeAlias = tuple[int, str, int, str | None, str, str | None]
"""Process, host, port, run, overflow, compression."""

IMAGE_OPTIONS = frozenset({"step", "kind", "axes", "pixel_size", "z_step", "emission_wavelength"})
"""What `Stream.send` is told of each image."""
OWN_OPTIONS = frozenset({"maker", "root", "run", "display", "components", "references"})


class NapariStreamBackend(BatchBackend, StreamingBackend):
    """Sends images to the viewer of the active configuration, or of the one that the options name.

    Streams are shared by all calls of a process, and closed when it ends.
    """

    name = "napari_stream"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: dict[_StreamKey, Stream] = {}

    def save_batch(
        self,
        data: Sequence[object],
        paths: Sequence[Path],
        *,
        references: Sequence[Reference] | None = None,
        components: Sequence[Mapping[str, object]] | None = None,
        maker: str | None = None,
        root: str | os.PathLike[str] | None = None,
        run: str | None = None,
        **options: Any,
    ) -> list[Reference]:
        """Send several images, in one message if the viewer reads this process's shared memory.

        A path that no maker's grammar knows sends the image without a place on a plate; its channel is the
        file's name, so that images with other names do not take its place. Neither do images of one batch
        whose names would give them one address: see `hcs_stream.microscopes.parse_paths`.

        Args:
            data: The pixels.
            paths: What they show: see `hcs_stream.microscopes.parse_path`.
            references: Where each image lies for good, for a viewer that gives up its copy.
            components: Of each image, what is known better than from its path: ``{"well": "A01"}``.
            maker: Whose grammar; all are tried by default.
            root: The plate's folder.
            run: One execution of a pipeline; all its workers say the same.
            **options: Keywords of `Stream.send`, components for all images, or fields of
                `NapariStreamingConfig` that differ from the active configuration's.

        Raises:
            WrongBatchError: There are more or fewer components or references than images.
            HcsError: As `hcs_stream.connect` and `Stream.send_batch`.
        """
        known = _Options.of(options)
        addresses = addresses_of(paths, maker=maker, root=root)
        said = _for_each(components, len(paths), "components")
        held = _for_each(references, len(paths), "references")
        step = known.images.get("step")
        images: list[tuple[object, dict[str, object]]] = []
        for image, address, own, reference in zip(data, addresses, said, held, strict=True):
            where: Address = {**address, **known.components, **(own or {})}
            if known.config.accepts(step, where):
                images.append((image, {**where, **_file(reference)}))
        if images:
            display = known.display or known.config.display()
            self._stream(known.config, run).send_batch(images, display=display, **known.images)
        return list(held)

    def flush(self, timeout: float = 30.0) -> None:
        """Wait until the viewers have all that was sent.

        Raises:
            ViewerStalledError: They do not have it within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        for stream in self._own(dict(self._streams)):
            stream.flush(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Wait until all is adopted and close the streams; later images open new ones."""
        with self._lock:
            streams, self._streams = self._streams, {}
        with ExitStack() as stack:  # which calls all, whatever one of them raises
            for stream in self._own(streams):
                stack.callback(stream.close)

    @classmethod
    def options(cls) -> frozenset[str]:
        """Return what `save_batch` can be told."""
        return OWN_OPTIONS | IMAGE_OPTIONS | frozenset(COMPONENTS) | _config_fields()

    @staticmethod
    def _own(streams: "Mapping[_StreamKey, Stream]") -> "list[Stream]":
        """Return those that this process opened: a fork took its parent's along."""
        return [stream for (pid, *_), stream in streams.items() if pid == os.getpid()]

    def _stream(self, config: "NapariStreamingConfig", run: str | None) -> "Stream":
        """Return the stream to this viewer; one that a fork took along is the parent's."""
        where = os.getpid(), config.napari_host, config.napari_port
        key = *where, run, str(config.overflow), config.compression
        with self._lock:
            if key not in self._streams:
                self._streams[key] = config.connect(run=run, wait=False)
            return self._streams[key]


class _Options(msgspec.Struct, frozen=True):
    """The options of a call, by what they are about."""

    config: Any
    images: dict[str, Any]
    components: dict[str, object]
    display: Any

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "_Options":
        from hcs_stream.config import active_streaming  # which imports hcs_stream: only who streams needs it

        fields = _config_fields()
        changed = {name: value for name, value in options.items() if name in fields}
        if unknown := options.keys() - NapariStreamBackend.options():
            raise TypeError(
                f"wanted {', '.join(sorted(NapariStreamBackend.options()))}, got {sorted(unknown)!r}"
            )
        display = options.get("display")
        if not isinstance(display, DisplayConfiguration | None):
            raise TypeError(
                f"wanted a DisplayConfiguration as display, found {display!r}: its fields may be options "
                'themselves, colormap="magma"'
            )
        return cls(
            config=dataclasses.replace(active_streaming(), **changed),
            images={name: value for name, value in options.items() if name in IMAGE_OPTIONS},
            components={name: value for name, value in options.items() if name in COMPONENTS},
            display=display,
        )


def _config_fields() -> frozenset[str]:
    from hcs_stream.config import NapariStreamingConfig

    return frozenset(field.name for field in dataclasses.fields(NapariStreamingConfig))


def _for_each(values: Sequence[Any] | None, count: int, what: str) -> Sequence[Any]:
    if values is None:
        return [None] * count
    if len(values) != count:
        raise WrongBatchError(f"wanted {what} for each of {count} images, found {len(values)}")
    return values


def _file(reference: FileRef | None) -> dict[str, object]:
    return {} if reference is None else {"file": reference.path, "page": reference.key}
