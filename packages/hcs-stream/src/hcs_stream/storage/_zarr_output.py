"""`ZarrOutput`: the results of a pipeline as OME-NGFF, a plate for each step."""

import os
import re
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from operator import index
from pathlib import Path
from typing import TypeAlias, TypedDict, Unpack

from hcs_protocol import Kind, Step

from ._backend import Pixels, Reference
from ._ngff import Version
from ._zarr_arrays import ArrayOptions
from ._zarr_kept import keep_only
from ._zarr_plate import ZarrPlate
from ._zarr_state import AxisValue

StepLike: TypeAlias = Step | tuple[int, str]

LONGEST_NAME = 200
"""Bytes of a step's name; file systems take 255, and ours has more around it."""
_UNSAFE = re.compile(r'[\s/\\:*?"<>|\0-\37]+')


class Expected(TypedDict, total=False):
    """What `ZarrPlate.declare` is told."""

    wells: Iterable[str]
    channels: Iterable[AxisValue]
    z_indexes: Iterable[AxisValue]
    timepoints: Iterable[AxisValue]
    pixel_size: float | tuple[float, float] | None
    z_step: float | None
    wavelengths: Mapping[str, float] | None


class Described(TypedDict, total=False):
    """What `ZarrPlate.write` is told of an image."""

    kind: Kind
    pixel_size: float | tuple[float, float] | None
    z_step: float | None
    emission_wavelength: float | None


class ZarrOutput:
    """A folder with a plate for each step, ``Step_01_gaussian_blur.zarr``; a step of labels has one too.

    Safe to use from several threads, and its folder from several processes.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        source: str = "",
        ngff: Version = "0.5",
        options: ArrayOptions = ArrayOptions(),  # noqa: B008  # frozen
    ) -> None:
        """Say where the plates are to be; nothing is written yet.

        Args:
            folder: The results'.
            source: The name of the plate of which these are results: who sends them to a viewer later finds
                them there.
            ngff: ``"0.5"`` (zarr v3) or ``"0.4"`` (zarr v2).
            options: How arrays are laid out.
        """
        self.folder = Path(folder)
        self._source = source
        self._ngff: Version = ngff
        self._options = options
        self._lock = threading.Lock()
        self._plates: dict[str, ZarrPlate] = {}

    def plate(self, step: StepLike) -> ZarrPlate:
        """Return the plate of a step."""
        name = plate_name(step)
        with self._lock:
            if name not in self._plates:
                self._plates[name] = ZarrPlate(
                    self.folder / name,
                    source=self._source,
                    step=_step(step),
                    ngff=self._ngff,
                    options=self._options,
                )
            return self._plates[name]

    def declare(self, *, step: StepLike, **expected: Unpack[Expected]) -> None:
        """Say what will come of a step, as `ZarrPlate.declare`."""
        self.plate(step).declare(**expected)

    def write(
        self,
        components: Mapping[str, object],
        array: object,
        *,
        step: StepLike,
        **described: Unpack[Described],
    ) -> Reference:
        """Write one image of a step, as `ZarrPlate.write`."""
        return self.plate(step).write(components, array, **described)

    def read(self, components: Mapping[str, object], *, step: StepLike, kind: Kind = "image") -> Pixels:
        """Return one image of a step, as `ZarrPlate.read`."""
        return self.plate(step).read(components, kind=kind)

    def keep_only(
        self, images: Iterable[Mapping[str, object]], *, well: str, step: StepLike, kind: Kind = "image"
    ) -> None:
        """Remove what a well has of a step beside these images: what the last run did not write again.

        Args:
            images: Addresses of single images of the well, each of which was written as this kind.
            well: Row letters and column, ``"B03"``.
            step: Whose plate it is.
            kind: As they were written.

        Raises:
            StorageWriteError: There is no permission.
        """
        keep_only(self.plate(step), well, images, kind=kind)

    def finalise(self) -> None:
        """Make all plates whole, those that other processes wrote too: see `ZarrPlate.finalise`."""
        with ExitStack() as stack:  # which calls all, whatever one of them raises
            for folder in self.folder.glob("Step_*.zarr"):
                stack.callback(_finalise, folder)


def _finalise(folder: Path) -> None:
    ZarrPlate(folder).finalise()


def plate_name(step: StepLike) -> str:
    """Return the name of a step's plate: ``"Step_01_gaussian_blur.zarr"``."""
    made_by = _step(step)
    safe = _UNSAFE.sub("_", made_by.name).encode()[:LONGEST_NAME].decode(errors="ignore")
    return f"Step_{made_by.index:02d}_{safe}.zarr"


def _step(step: StepLike) -> Step:
    return step if isinstance(step, Step) else Step(index=index(step[0]), name=step[1])
