"""Images on disk, each with what is told about it when it is sent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from hcs_protocol import Kind
from hcs_stream._addresses import ImageKeywords
from hcs_stream.microscopes import ImageFile, Result

from ._printable import readable

TIFF = (".tif", ".tiff")
PICTURES = (*TIFF, ".png", ".jpg", ".jpeg", ".bmp")

OF_NO_PIPELINE = Result()


class FoundImage(msgspec.Struct, frozen=True, gc=False):
    """An image and what `Stream.send` is told about it."""

    file: ImageFile
    keywords: ImageKeywords


class SaysOfPlanes(Protocol):
    """An OME-NGFF image of no plate, or what it says of its planes."""

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """In µm."""

    @property
    def z_step(self) -> float | None:
        """In µm."""


class SaysOfImages(SaysOfPlanes, Protocol):
    """A plate, or what it says of its images."""

    @property
    def wavelengths(self) -> Mapping[str, float]:
        """In nm, by channel."""


def of_plate(image: ImageFile, plate: SaysOfImages, kind: Kind | None = None) -> FoundImage:
    """Return an image of a plate with what the plate says of it, and of this kind if that is known."""
    result = image.result or OF_NO_PIPELINE
    keywords: ImageKeywords = {
        "plate": readable(result.source or image.plate),
        "well": image.well,
        "site": image.site,
        "channel": readable(image.channel) or None,
        "z_index": image.z_index,
        "timepoint": image.timepoint,
        "pixel_size": plate.pixel_size,
        "z_step": plate.z_step,
        "emission_wavelength": plate.wavelengths.get(image.channel),
        "step": result.step,
        "kind": kind or result.kind,
    }
    return FoundImage(image, keywords)


def of_single_image(plane: ImageFile, site: str, kind: Kind, said: SaysOfPlanes) -> FoundImage:
    """Return a plane of an OME-NGFF image of no plate, which is a site of this name."""
    keywords: ImageKeywords = {"site": site, "channel": readable(plane.channel) or None, "kind": kind}
    if plane.z_index is not None:
        keywords["z_index"] = plane.z_index
    if plane.timepoint is not None:
        keywords["timepoint"] = plane.timepoint
    if said.pixel_size is not None:
        keywords["pixel_size"] = said.pixel_size
    if said.z_step is not None:
        keywords["z_step"] = said.z_step
    return FoundImage(plane, keywords)


def of_no_plate(path: Path, name: str | None = None) -> FoundImage:
    """Return an image whose name says nothing, as a site that is called like it, or as one of this name."""
    file = ImageFile(path=path, plate="", well="", site=None, channel="", z_index=None, timepoint=None)
    return FoundImage(file, {"site": readable(path.stem if name is None else name)})
