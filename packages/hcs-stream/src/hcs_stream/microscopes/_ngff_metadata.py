"""OME-NGFF's JSON, versions 0.4 (`.zattrs`) and 0.5 (`ome` in `zarr.json`), as far as a plate needs it.

https://ngff.openmicroscopy.org/0.5/
"""

import json
import stat
from math import prod
from pathlib import Path, PurePath
from typing import TypeAlias, TypeVar

import msgspec

STORE_FILES = frozenset({"zarr.json", ".zattrs", ".zgroup", ".zarray"})
"""One of these lies in each folder of a store."""

MOST_PLANES = 1 << 20
"""Of an image: a file of a few bytes may say that it has more than any memory could list."""

CONVERTED = "bioformats2raw.layout"
"""The attribute with the version of bioformats2raw's layout."""

OWN = "hcs"
"""The attribute with what this package says in its own words."""

Json: TypeAlias = dict[str, object]
Kind = TypeVar("Kind")


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

    label: object = None


class Omero(msgspec.Struct, frozen=True):
    """How an image is shown."""

    channels: list[Channel] = []


class Metadata:
    """What a group says of itself; each part is read when it is asked for.

    Attributes of somebody else may have these names: a part that is no JSON object is none.

    Raises:
        ValueError: A part is malformed.
    """

    def __init__(self, said: Json) -> None:
        self._said = said

    @property
    def plate(self) -> PlateMetadata | None:
        """Of the group of a plate."""
        return self._part("plate", PlateMetadata)

    @property
    def well(self) -> WellMetadata | None:
        """Of the group of a well."""
        return self._part("well", WellMetadata)

    @property
    def is_image(self) -> bool:
        """Whether it is the group of an image."""
        names = [name for name in ("plate", "well") if isinstance(self._said.get(name), dict)]
        return "multiscales" in self._said and not names

    @property
    def is_converted(self) -> bool:
        """Whether it is the group in which bioformats2raw puts all images of a file."""
        return CONVERTED in self._said

    @property
    def series(self) -> list[str]:
        """Of the group ``OME`` of what bioformats2raw made: where the images are, if it says so."""
        return _converted(self._said.get("series", []), list[str])

    @property
    def multiscales(self) -> list[Multiscale]:
        """Of the group of an image."""
        return _converted(self._said.get("multiscales", []), list[Multiscale])

    @property
    def labels(self) -> dict[str, str]:
        """Of the channels by their numbers, as far as they can be read: an image is one without them."""
        try:
            omero = self._part("omero", Omero)
        except ValueError:
            return {}
        labels = [channel.label for channel in omero.channels] if omero else []
        return {str(number): str(label) for number, label in enumerate(labels) if label is not None}

    def _part(self, name: str, kind: type[Kind]) -> Kind | None:
        found = self._said.get(name)
        return _converted(found, kind) if isinstance(found, dict) else None


class Array(msgspec.Struct, frozen=True):
    """An array's `zarr.json` or `.zarray`."""

    shape: tuple[int, ...]


def read_group(folder: Path) -> Metadata:
    """Return what a group says of itself.

    Raises:
        OSError: The group is not there, or cannot be read.
        ValueError: Its metadata are malformed.
    """
    if not (folder / "zarr.json").exists():
        return Metadata(_object(_read(folder / ".zattrs")))
    attributes = _object(_read(folder / "zarr.json").get("attributes"))
    return Metadata(_object(attributes.get("ome")) or attributes)


class OthersWordsError(ValueError):
    """What should be our own words was said by another program."""


def read_own(folder: Path, kind: type[Kind]) -> Kind | None:
    """Return what a group says of itself in our own words; None if it is no group or says nothing.

    Raises:
        OSError: It cannot be read.
        OthersWordsError: Somebody else's attribute has that name.
        ValueError: Its metadata are malformed.
    """
    try:
        if (folder / "zarr.json").exists():
            attributes = _read(folder / "zarr.json").get("attributes")
        else:
            attributes = _read(folder / ".zattrs")
    except FileNotFoundError:
        return None
    own = attributes.get(OWN) if isinstance(attributes, dict) else None
    try:
        return msgspec.convert(own, kind) if isinstance(own, dict) else None
    except msgspec.ValidationError as error:
        raise OthersWordsError(f"malformed metadata: {error}") from error


def read_shape(folder: Path) -> tuple[int, ...]:
    """Return an array's shape.

    Raises:
        OSError: The array is not there, or cannot be read.
        ValueError: Its metadata are malformed.
    """
    version_3 = folder / "zarr.json"
    said = _object(_read(version_3 if version_3.exists() else folder / ".zarray"))
    return _converted(said, Array).shape


def below(folder: Path, path: str) -> Path:
    """Return where a path leads that a group says of what is in it.

    Raises:
        ValueError: It leads out of the group.
    """
    inside = PurePath(path.strip("/"))
    if inside.anchor or ".." in inside.parts:
        raise ValueError(f"wanted a path inside its group, found {path!r}")
    return folder / inside


def check_planes(lengths: tuple[int, ...]) -> None:
    """Refuse an image that says it has more planes than can be listed.

    Args:
        lengths: Of all axes but y and x.

    Raises:
        ValueError: It does.
    """
    if min(lengths, default=1) < 0 or prod(lengths) > MOST_PLANES:
        raise ValueError(f"wanted at most {MOST_PLANES} planes, found {'x'.join(map(str, lengths))}")


def _read(path: Path) -> Json:
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"malformed {path.name}: wanted a plain file")  # a pipe makes its reader wait
    try:
        found = json.loads(path.read_bytes())  # which takes the NaN that many a writer leaves in
    except (ValueError, RecursionError) as error:
        raise ValueError(f"malformed {path.name}: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"malformed {path.name}: wanted an object, found {type(found).__name__}")
    return found


def _object(found: object) -> Json:
    """Return an object without its nulls, which stand for what is left out."""
    return {name: _without_nulls(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _without_nulls(found: object) -> object:
    if isinstance(found, dict):
        return {name: _without_nulls(value) for name, value in found.items() if value is not None}
    return [_without_nulls(value) for value in found] if isinstance(found, list) else found


def _converted(found: object, kind: type[Kind]) -> Kind:
    try:
        return msgspec.convert(found, kind)
    except msgspec.MsgspecError as error:
        raise ValueError(f"malformed metadata: {error}") from error
