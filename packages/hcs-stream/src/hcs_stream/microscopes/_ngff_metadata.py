"""OME-NGFF's JSON, versions 0.4 (`.zattrs`) and 0.5 (`ome` in `zarr.json`), as far as a plate needs it.

https://ngff.openmicroscopy.org/0.5/
"""

from pathlib import Path
from typing import TypeVar

import msgspec

STORE_FILES = frozenset({"zarr.json", ".zattrs", ".zgroup", ".zarray"})
"""One of these lies in each folder of a store."""

MICROMETRES = {
    "micrometer": 1.0,
    "micrometre": 1.0,
    "nanometer": 1e-3,
    "millimeter": 1e3,
    "meter": 1e6,
}


class Named(msgspec.Struct, frozen=True):
    """A row or a column."""

    name: str | int


class WellPlace(msgspec.Struct, frozen=True, rename="camel"):
    """Where a well's images are."""

    path: str
    row_index: int | None = None
    column_index: int | None = None


class PlateMetadata(msgspec.Struct, frozen=True):
    """Which wells a plate has; those without images are left out."""

    wells: list[WellPlace]
    rows: list[Named] = []
    columns: list[Named] = []
    name: str | int | None = None


class Place(msgspec.Struct, frozen=True):
    """Where an image of a well, or a resolution of an image, is."""

    path: str
    scales: list[dict[str, object]] = msgspec.field(default_factory=list, name="coordinateTransformations")


class WellMetadata(msgspec.Struct, frozen=True):
    """Which images a well has, whatever their acquisition."""

    images: list[Place]


class Axis(msgspec.Struct, frozen=True):
    """An axis of an image."""

    name: str
    unit: str | None = None


class Multiscale(msgspec.Struct, frozen=True):
    """An image in several resolutions, the finest first."""

    datasets: list[Place]
    axes: list[Axis | str] = []
    scales: list[dict[str, object]] = msgspec.field(default_factory=list, name="coordinateTransformations")


class Channel(msgspec.Struct, frozen=True):
    """How a channel is shown."""

    label: str | int | None = None


class Omero(msgspec.Struct, frozen=True):
    """How an image is shown."""

    channels: list[Channel] = []


class Metadata(msgspec.Struct, frozen=True):
    """What a group says of itself."""

    plate: PlateMetadata | None = None
    well: WellMetadata | None = None
    multiscales: list[Multiscale] = []
    omero: Omero | None = None


class Attributes(Metadata, frozen=True):
    """The attributes of a group in version 0.5, which keeps its own apart."""

    ome: Metadata | None = None


class Group(msgspec.Struct, frozen=True):
    """A group's `zarr.json`."""

    attributes: Attributes = Attributes()


class Array(msgspec.Struct, frozen=True):
    """An array's `zarr.json` or `.zarray`."""

    shape: tuple[int, ...]


Kind = TypeVar("Kind")


def read_group(folder: Path) -> Metadata:
    """Return what a group says of itself.

    Raises:
        OSError: The group is not there, or cannot be read.
        ValueError: Its metadata are malformed.
    """
    if (folder / "zarr.json").exists():
        attributes = _read(folder / "zarr.json", Group).attributes
        return attributes.ome or attributes
    return _read(folder / ".zattrs", Metadata)


def read_shape(folder: Path) -> tuple[int, ...]:
    """Return an array's shape.

    Raises:
        OSError: The array is not there, or cannot be read.
        ValueError: Its metadata are malformed.
    """
    version_3 = folder / "zarr.json"
    return _read(version_3 if version_3.exists() else folder / ".zarray", Array).shape


def scale_of(multiscale: Multiscale, axes: list[Axis], name: str) -> float | None:
    """Return the distance of pixels along an axis in µm, or None where it is not said."""
    position = next((place for place, axis in enumerate(axes) if axis.name == name), None)
    unit = None if position is None else MICROMETRES.get(axes[position].unit or "")
    length = None if position is None else _scale(multiscale.datasets[0].scales, position)
    if position is None or unit is None or length is None:
        return None
    return unit * length * (_scale(multiscale.scales, position) or 1)


def _scale(transformations: list[dict[str, object]], position: int) -> float | None:
    for said in transformations:
        scale = said.get("scale")
        if isinstance(scale, list) and position < len(scale):
            return float(scale[position])
    return None


def _read(path: Path, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(f"malformed {path.name}: {error}") from error
