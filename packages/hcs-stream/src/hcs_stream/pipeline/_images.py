"""Images of one well on their way through the steps: one by one, or several as one array."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import msgspec

from hcs_protocol import Components, ComponentValue, Kind, natural_key
from hcs_stream.microscopes import ImageFile, read_image
from hcs_stream.sending import PlaneOnDisk

from ._arrays import is_coloured, shape_of, stacked
from ._errors import GroupError

Value = ComponentValue | None


@dataclass(frozen=True, slots=True)
class Images:
    """One image, or several that are one array."""

    components: Components
    """What all of them have in common."""
    array: object
    """Of any library; an image on disk until somebody needs its pixels."""
    axes: tuple[str, ...] = ()
    """The components that are axes of the array, in front of y and x."""
    values: tuple[tuple[Value, ...], ...] = ()
    """Of each of these axes."""
    count: int = 1
    """How many images on disk went into it."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of the axes in front of y and x."""
        return tuple(map(len, self.values))

    def pixels(self) -> object:
        """Return the array; one on disk is read for it."""
        match self.array:
            case ImageFile() as file:
                return read_image(file)
            case PlaneOnDisk() as plane:
                return plane.read()
            case array:
                return array

    def planes(self) -> "Iterator[Images]":
        """Yield each image by itself."""
        if not self.axes:
            yield self
            return
        share, rest = divmod(self.count, math.prod(self.lengths))
        for place, index in enumerate(product(*map(range, self.lengths))):
            values = dict(
                zip(self.axes, (v[i] for v, i in zip(self.values, index, strict=True)), strict=True)
            )
            components = msgspec.structs.replace(self.components, **values)
            plane = self.array[index]  # type: ignore[index]  # every array has this
            yield Images(components, plane, count=share + (0 if place else rest))


def order_key(images: Images, order: Sequence[str]) -> tuple[object, ...]:
    """Return a sort key: by these components, the first first."""
    return tuple(natural_key(images.components.value(component)) for component in order)


def as_one(members: Sequence[Images], axes: tuple[str, ...]) -> Images:
    """Return single images as one array with these axes in front of y and x.

    Raises:
        GroupError: They differ in size or dtype, or one is missing in the grid of their addresses.
    """
    if [member.axes for member in members] == [axes]:
        return members[0]
    at = {tuple(map(member.components.value, axes)): member for member in members}
    values = tuple(tuple(sorted({place[i] for place in at}, key=natural_key)) for i in range(len(axes)))
    grid = list(product(*values))
    if missing := [place for place in grid if place not in at]:
        where = ", ".join(f"{axis} {value}" for axis, value in zip(axes, missing[0], strict=True))
        raise GroupError(f"wanted an image of each {' and '.join(axes)}, found none of {where}")
    if len(at) < len(members):
        raise GroupError(f"wanted one image of each {' and '.join(axes)}, found {len(members)} of {len(at)}")
    common = msgspec.structs.replace(members[0].components, **dict.fromkeys(axes))
    array = stacked((at[place].pixels() for place in grid), tuple(map(len, values)))
    return Images(common, array, axes, values, sum(member.count for member in members))


def result_of(given: Images, array: object, kind: Kind) -> Images:
    """Return what a function made of images, with the address of each.

    An axis that is not there any more is no part of an address; one that has another length is numbered anew.

    Raises:
        GroupError: The shape does not tell which axes are left.
        TypeError: It is no array.
    """
    shape = shape_of(array)
    inner = 3 if kind == "image" and is_coloured(array) else 2
    if len(shape) < inner:
        raise GroupError(f"wanted a result of at least two axes, (y, x), found the shape {shape}")
    leading = shape[: len(shape) - inner]
    kept = _kept(given, leading, shape)
    values = tuple(
        given.values[place] if length == len(given.values[place]) else tuple(range(1, length + 1))
        for place, length in zip(kept, leading, strict=True)
    )
    return Images(given.components, array, tuple(given.axes[place] for place in kept), values, given.count)


def _kept(given: Images, leading: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the places of the axes that a result still has."""
    lengths = given.lengths
    places = range(len(lengths))
    if len(leading) == len(lengths):
        return tuple(places)
    fits = [kept for kept in combinations(places, len(leading)) if tuple(lengths[i] for i in kept) == leading]
    if len(fits) == 1:
        return fits[0]
    raise GroupError(_misfit(given, shape, is_ambiguous=bool(fits)))


def _misfit(given: Images, shape: tuple[int, ...], *, is_ambiguous: bool) -> str:
    found = f"found the shape {shape}"
    if not given.axes and shape[-1] in {3, 4}:
        return f"wanted a (y, x) result of a plane, or colours (y, x, 3) of uint8, {found} of another dtype"
    if not given.axes:
        return f"wanted a (y, x) result of a plane, {found}; a step that takes several has group_by"
    wanted = f"wanted a result with the axes {(*given.axes, 'y', 'x')}, or with fewer of them in front"
    reason = (
        "two of them are equally long" if is_ambiguous else f"of lengths {given.lengths} in front of y, x"
    )
    return f"{wanted}, {reason}; {found}"
