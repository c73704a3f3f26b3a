"""What a plate's own metadata says beside OME-NGFF's: which values lie where on the axes t, c, z; pure.

OME-NGFF numbers planes from 0 and knows no value of z or t; makers number as they like, and z_index may be
missing. The values stand in the plate's attributes under ``hcs``, so that every process puts a value at the
same place, and what came from ``z_index=7`` is found again by it. Places never change once they are given.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, TypeAlias

import msgspec

from hcs_protocol import ComponentValue, InvalidComponentError, Step, natural_key

from ._backend import Pixels
from ._ngff import Json

AxisValue: TypeAlias = ComponentValue | None
FolderName: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(?!\.{1,2}\Z)[^/\\]*\Z")]
"""A part of a path that leads nowhere else: a plate that somebody else wrote may say anything."""
WellPath: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(?:[^/\\.]+/[^/\\.]+)?\Z")]
"""``"B/03"``, likewise; empty for none."""

LONGEST_GAP = 4096
"""Integers that are further apart do not number the planes between them."""


class Variant(msgspec.Struct, kw_only=True):
    """Images of one dtype and size: their arrays in all fields have the same shape."""

    dtype: str
    height: int
    width: int
    coloured: bool = False
    labels: bool = False
    projection: bool = False
    """Whether these lie beside a stack."""
    levels: int = 1
    elsewhere: dict[str, FolderName] = {}
    """Of fields, ``"B/03/1"``, the folder if another image has the one that has their name."""
    limits: dict[str, tuple[float, float]] = {}
    """Of each channel, the grey values to draw as black and white."""
    t: list[AxisValue] = []
    c: list[AxisValue] = []
    z: list[AxisValue] = []

    @property
    def extent(self) -> tuple[int, int, int]:
        """Lengths of t, c, z."""
        return len(self.t), len(self.c), len(self.z)

    def takes(self, plane: Pixels, z: AxisValue, *, coloured: bool, labels: bool) -> bool:
        """Say whether a plane fits: a projection is no plane of a stack."""
        is_alike = (self.dtype, self.height, self.width) == (plane.dtype.name, *plane.shape)
        fits = z is None if self.projection else z is not None or None in self.z or not self.z
        return is_alike and fits and (self.coloured, self.labels) == (coloured, labels)

    def place(self, t: AxisValue, c: AxisValue, z: AxisValue) -> tuple[int, int, int] | None:
        """Return where a plane lies; None if one of its values has no place yet."""
        try:
            return self.t.index(t), self.c.index(c), self.z.index(z)
        except ValueError:
            return None

    def expect(self, axis: str, values: Iterable[AxisValue]) -> None:
        """Give places to values that were declared, as far as they concern these images."""
        own: list[AxisValue] = getattr(self, axis)
        if axis == "c" and self.coloured:
            return  # its places are red, green and blue
        numbered = any(value is not None for value in (*own, *values))
        own += [
            value
            for value in values
            if value not in own and (axis != "z" or not numbered or (value is None) == self.projection)
        ]

    def make_place(self, t: AxisValue, c: AxisValue, z: AxisValue) -> tuple[int, int, int]:
        """Return where a plane lies from now on."""
        for axis, value in ((self.t, t), (self.c, c), (self.z, z)):
            if value not in axis:
                axis += _up_to(axis, value, numbers=axis is not self.c)
        return self.t.index(t), self.c.index(c), self.z.index(z)


class PlateState(msgspec.Struct, kw_only=True):
    """All of it: variants by name, the first has none; and what was declared."""

    variants: dict[FolderName, Variant] = {}
    source: str = ""
    """The name of the plate of which these are results."""
    step: Step | None = None
    """Which made them."""
    wells: list[WellPath] = []
    """Paths of wells that were declared, ``"B/03"``."""
    declared: dict[str, list[AxisValue]] = {}
    """Of the axes t, c, z the values that there will be."""
    pixel_size: tuple[float, float] | None = None
    z_step: float | None = None
    wavelengths: dict[str, float] = {}
    """Of channels, in nanometres."""

    def find(self, plane: Pixels, z: AxisValue, *, coloured: bool, labels: bool) -> str | None:
        """Return the name of the variant that takes a plane."""
        for name, variant in self.variants.items():
            if variant.takes(plane, z, coloured=coloured, labels=labels):
                return name
        return None

    def add(self, plane: Pixels, z: AxisValue, *, coloured: bool, labels: bool, levels: int) -> str:
        """Make a variant for a plane that none takes and return its name."""
        height, width = plane.shape
        stacks = [self.declared.get("z", []), *(variant.z for variant in self.variants.values())]
        variant = Variant(
            dtype=plane.dtype.name,
            height=height,
            width=width,
            coloured=coloured,
            labels=labels,
            projection=z is None and any(value is not None for stack in stacks for value in stack),
            levels=levels,
        )
        name = _free_name(variant, self.variants)
        self.variants[name] = variant
        for axis, values in self.declared.items():
            variant.expect(axis, values)
        return name

    def declare(self, axis: str, values: Iterable[AxisValue]) -> None:
        """Say which values an axis will have; numbers are sorted, channels lie as they are named."""
        known = self.declared.setdefault(axis, [])
        new = [value for value in dict.fromkeys(values) if value not in known]
        known += new if axis == "c" else sorted(new, key=natural_key)
        for variant in self.variants.values():
            variant.expect(axis, new)

    def to_json(self) -> Json:
        """Return it as the plate's attributes keep it.

        Raises:
            InvalidComponentError: It could not be read again, by which all of the plate would be lost.
        """
        builtins: Json = msgspec.to_builtins(self)
        try:
            self.from_json(builtins)
        except ValueError as error:
            raise InvalidComponentError(f"wanted what a plate's metadata can keep: {error}") from error
        return builtins

    @classmethod
    def from_json(cls, found: object) -> "PlateState":
        """Return what the plate's attributes keep; a plate that others wrote has none.

        Raises:
            ValueError: It is none of this.
        """
        try:
            return msgspec.convert(found or {}, cls)
        except msgspec.MsgspecError as error:  # a ValueError only from msgspec 0.21 on
            raise ValueError(str(error)) from error


def _up_to(axis: Sequence[AxisValue], value: AxisValue, *, numbers: bool) -> list[AxisValue]:
    """Return what to append: numbers between the last one and this one get places too, for they may come."""
    if not isinstance(value, int) or not numbers:
        return [value]
    known = [number for number in axis if isinstance(number, int)]
    first = known[-1] + 1 if known else 1
    if not first <= value <= first + LONGEST_GAP:
        return [value]
    return [number for number in range(first, value + 1) if number not in axis]


def _free_name(variant: Variant, others: Collection[str]) -> str:
    """Return the shortest name that says what is different, of letters and digits as NGFF wants them.

    The first has none, whatever it holds: the plate is a plate of these.
    """
    if "" not in others and not variant.projection:
        return ""
    kinds = {"labels": variant.labels, "rgb": variant.coloured, "projection": variant.projection}
    kind = "".join(name for name, it_is in kinds.items() if it_is)
    candidates = [kind, kind + variant.dtype, f"{kind}{variant.dtype}x{variant.height}x{variant.width}"]
    free = [name for name in candidates if name and name not in others]
    return free[0] if free else f"{candidates[-1]}x{len(others)}"
