"""From an image's components to its place on an OME-NGFF plate: well, field, values on t, c, z."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import index
from typing import NamedTuple, TypeVar, cast

import msgspec
import numpy as np

from hcs_protocol import COMPONENTS, InvalidComponentError, normalise_well

from ._backend import Pixels
from ._zarr_state import AxisValue

NO_SITE = "0"
LONGEST_SITE = 200
"""Characters of a field's name; file systems take 255, and ours has more around it."""
ValueT = TypeVar("ValueT")
RED_GREEN_BLUE = ("red", "green", "blue", "alpha")


class Place(NamedTuple):
    """Where on the plate: paths within it, and values on the axes."""

    well: str
    """``"B/03"``."""
    field: str
    """The site's number, as NGFF's name of a field: ``"2"``."""
    t: AxisValue = None
    c: AxisValue = None
    z: AxisValue = None
    site: AxisValue = None
    """The site itself, of which the field has the name."""

    @classmethod
    def of(cls, components: Mapping[str, object]) -> "Place":
        """Return the place of an image's components.

        Raises:
            InvalidComponentError: There is no such component, no well, or a value that cannot be kept.
        """
        if unknown := components.keys() - set(COMPONENTS):
            raise InvalidComponentError(f"wanted {', '.join(COMPONENTS)}, found {sorted(unknown)!r}")
        if components.get("well") is None:
            raise InvalidComponentError(
                f"wanted a well, which every image on a plate has, found {dict(components)!r}"
            )
        site = components.get("site")
        return cls(
            well_path(str(components["well"])),
            NO_SITE if site is None else _field(str(axis_value(str(site)))),
            axis_value(components.get("timepoint")),
            channel_value(components.get("channel")),
            axis_value(components.get("z_index")),
            axis_value(site),
        )


class Plane(NamedTuple):
    """One plane of an image, and its values on c and z."""

    c: AxisValue
    z: AxisValue
    pixels: Pixels


def well_path(well: str) -> str:
    """Return a well's path within a plate: ``"B/03"``.

    Raises:
        InvalidComponentError: It is no well.
    """
    name = normalise_well(well)
    row = name.rstrip("0123456789")
    return f"{row}/{name.removeprefix(row)}"


def axis_value(value: object) -> AxisValue:
    """Return a component as the plate's metadata keeps it.

    Raises:
        InvalidComponentError: It is neither text nor an integer, or one that an address cannot have.
    """
    if value is None:
        return None
    try:
        found = str(value) if isinstance(value, str) else index(cast("int", value))  # what is none raises
        str(found).encode()  # a lone surrogate can be written nowhere
        return msgspec.convert(found, AxisValue)  # type: ignore[no-any-return]  # msgspec says less
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise InvalidComponentError(f"wanted text or an integer, found {value!r:.80}: {error}") from error


def channel_value(value: object) -> AxisValue:
    """Return a channel as the plate's metadata keeps it: a number is its name too.

    Raises:
        InvalidComponentError: As `axis_value`.
    """
    known = axis_value(value)
    return None if known is None else str(known)


def several(values: Iterable[ValueT]) -> Iterable[ValueT]:
    """Return values one by one; a single name is no list of letters."""
    return cast("list[ValueT]", [values]) if isinstance(values, str) else values


def planes_of(
    pixels: Pixels, place: Place, *, coloured: bool, z_indexes: Sequence[AxisValue]
) -> Iterator[Plane]:
    """Yield the planes of an image: one, one for each colour, or those of a stack.

    Raises:
        InvalidComponentError: The channel's name is too long for a colour's to be added.
    """
    if coloured:
        name = "" if place.c is None else f"{place.c} "
        for number, colour in enumerate(RED_GREEN_BLUE[: pixels.shape[-1]]):
            yield Plane(axis_value(f"{name}{colour}"), place.z, np.ascontiguousarray(pixels[..., number]))
    elif pixels.ndim == 2:
        yield Plane(place.c, place.z, pixels)
    else:
        for z, plane in zip(z_indexes, pixels, strict=True):
            yield Plane(place.c, z, plane)


def _field(site: str) -> str:
    name = "".join(letter for letter in site if letter.isascii() and letter.isalnum())
    if not 0 < len(name) <= LONGEST_SITE:
        raise InvalidComponentError(
            f"wanted a site with 1 to {LONGEST_SITE} letters or digits (NGFF names fields so), found {site!r}"
        )
    return name if name == site else f"{name}x{zlib.crc32(site.encode()):08x}"  # "1-2" is not "12"
