"""What a worker is told: the pipeline of this run, and which well."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from hcs_protocol import natural_key
from hcs_stream.microscopes import Lengths, Plate

from ._output import Output
from ._step import Step
from ._viewing import Viewers
from ._well import Well


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a pipeline over a plate, as far as every worker has to know it."""

    run: str
    """Its id; the same in all workers."""
    steps: tuple[Step, ...]
    viewers: Viewers
    lengths: Mapping[str, Lengths] = field(default_factory=dict)
    """Pixel size and z-step by plate."""
    wavelengths: Mapping[str, float] = field(default_factory=dict)
    output: Output | None = None
    """Where results are kept."""
    said_inside: frozenset[str] = frozenset()
    """The components that files of several planes say, and not their names."""
    stop_file: str = ""
    """No worker begins another image when this file is there."""

    def lengths_of(self, plate: str) -> Lengths:
        """Return pixel size and z-step of a plate."""
        return self.lengths.get(plate, Lengths())


class WellReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one well."""

    images_published: int = 0
    """Images that were sent, each once even if several viewers got it."""
    images_saved: int = 0
    shown_before_last_published: bool = False
    error: str | None = None
    """Names step and image, and what went wrong."""
    traceback: str = ""
    is_stopped: bool = False
    """Whether the run ended before the well did."""
    troubles: tuple[str, ...] = ()
    """What went wrong with viewers, while the well did not."""


def lengths_in(plate: Plate) -> Mapping[str, Lengths]:
    """Return pixel size and z-step of each plate among its images."""
    by_default = Lengths(plate.pixel_size, plate.z_step)
    return {name: plate.lengths.get(name, by_default) for name in {image.plate for image in plate.images}}


def wells_of(plate: Plate) -> Iterator[Well]:
    """Yield the wells of a plate in their natural order."""
    images = defaultdict(list)
    for image in plate.images:
        images[image.plate, image.well].append(image)
    for name, well in sorted(images, key=lambda names: tuple(map(natural_key, names))):
        yield Well(name, well, tuple(images[name, well]))
