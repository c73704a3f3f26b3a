"""Where the planes of an image lie, were written, or may lie: on t, c, z of a variant's arrays."""

from collections.abc import Iterator, Sequence

import msgspec

from ._backend import Reference
from ._zarr_places import RED_GREEN_BLUE, Place, Plane
from ._zarr_state import AxisValue, PlateState, Variant

At = tuple[int, int, int]
"""Where a plane lies on t, c, z."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """Where an image lies: a variant of a field, its planes there, and their file if it is one."""

    variant: str
    planes: tuple[At, ...]
    coloured: bool = False
    stacked: bool = False
    reference: Reference = None


def places_in(
    state: PlateState, t: AxisValue, planes: Sequence[Plane], *, coloured: bool, labels: bool
) -> tuple[str, list[At]] | None:
    """Return variant and places of planes; None if one has none yet."""
    first = planes[0]
    name = state.find(first.pixels, first.z, coloured=coloured, labels=labels)
    if name is None:
        return None
    places = [state.variants[name].place(t, plane.c, plane.z) for plane in planes]
    known = [place for place in places if place is not None]
    return (name, known) if len(known) == len(planes) else None


def candidates(name: str, variant: Variant, place: Place) -> Iterator[Written]:
    """Yield where an image of this place may lie: as a plane, as colours, or as a stack."""
    if variant.coloured:
        prefix = "" if place.c is None else f"{place.c} "
        colours = [variant.place(place.t, f"{prefix}{colour}", place.z) for colour in RED_GREEN_BLUE]
        found = [at for at in colours if at is not None]
        for count in (4, 3):
            if len(found) >= count:
                yield Written(variant=name, planes=tuple(found[:count]), coloured=True)
        return
    at = variant.place(place.t, place.c, place.z)
    if at is not None:
        yield Written(variant=name, planes=(at,))
    elif place.z is None:
        stack = [variant.place(place.t, place.c, z) for z in variant.z if z is not None]
        planes = [at for at in stack if at is not None]
        if planes:
            yield Written(variant=name, planes=tuple(planes), stacked=True)
