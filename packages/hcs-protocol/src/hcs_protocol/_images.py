"""What an image is: its address (run, step, components) and its spec (kind, shape, dtype, axes)."""

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ._components import Components, Text
from ._errors import UnsupportedArrayError

MAX_NBYTES = 1 << 36
MAX_SIDE = 1 << 17
MAX_PLANES = 1 << 16
MAX_LENGTH = 1 << 24
MICROMETRES = 1e-6, 1e6
"""The least and the greatest distance of two pixels."""

Nbytes = Annotated[int, Meta(ge=0, le=MAX_NBYTES)]
Length = Annotated[int, Meta(ge=1, le=MAX_LENGTH)]
NANOMETRES = 1.0, 1e6
"""The least and the greatest wavelength."""

Micrometres = Annotated[float, Meta(ge=MICROMETRES[0], le=MICROMETRES[1])]
Nanometres = Annotated[float, Meta(ge=NANOMETRES[0], le=NANOMETRES[1])]
Axis = Annotated[str, Meta(max_length=1)]
Kind = Literal["image", "labels"]

DTYPES: dict[str, int] = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "uint16": 2,
    "int16": 2,
    "uint32": 4,
    "int32": 4,
    "uint64": 8,
    "int64": 8,
    "float16": 2,
    "float32": 4,
    "float64": 8,
}
"""The dtypes a message may name, with their item sizes in bytes; pixels are little-endian."""

AXES: tuple[tuple[str, ...], ...] = (("y", "x"), ("z", "y", "x"), ("y", "x", "c"))
"""The axes an image may have, slowest first; ``c`` is red, green, blue and perhaps alpha."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a pipeline; pipelines count from 1."""

    index: Annotated[int, Meta(ge=0, le=9999)]
    name: Text


class ImageAddress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which image this is: of which run, made by which step, showing what."""

    run: Text = ""
    """One execution of a pipeline; all its worker processes say the same."""
    step: Step | None = None
    components: Components = Components()


class ImageSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an image's bytes are to be read: C order, little-endian."""

    shape: Annotated[tuple[Length, ...], Meta(min_length=2, max_length=3)]
    dtype: Annotated[str, Meta(max_length=8)]
    axes: Annotated[tuple[Axis, ...], Meta(min_length=2, max_length=3)] = ("y", "x")
    kind: Kind = "image"
    pixel_size: tuple[Micrometres, Micrometres] | None = None
    """Height and width of a pixel in micrometres."""
    z_step: Micrometres | None = None
    """Distance of two z-planes in micrometres."""
    emission_wavelength: Nanometres | None = None
    """Of the light in the image, in nanometres; a viewer can take the channel's colour from it."""

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels."""
        return math.prod(self.shape) * DTYPES[self.dtype]

    def check(self) -> None:
        """Refuse a spec that no viewer can draw.

        Raises:
            UnsupportedArrayError: Unknown dtype or axes, or a shape or distance that does not fit.
        """
        if self.dtype not in DTYPES:
            raise UnsupportedArrayError(f"wanted one of {', '.join(DTYPES)}, dtype is {self.dtype!r}")
        if self.axes not in AXES or len(self.axes) != len(self.shape):
            raise UnsupportedArrayError(
                f"wanted (y, x), (z, y, x) or (y, x, c) axes, they are {self.axes!r} for shape {self.shape!r}"
            )
        if self.axes[-1] == "c" and self.shape[-1] not in {3, 4}:
            raise UnsupportedArrayError(f"wanted 3 or 4 colours, shape is {self.shape!r}")
        if self.kind == "labels" and (self.axes[-1] == "c" or self.dtype.startswith("float")):
            raise UnsupportedArrayError(
                f"labels are integers of one colour, these are {self.dtype} {self.axes!r}"
            )
        self._check_size()
        wavelength = self.emission_wavelength
        if wavelength is not None and not NANOMETRES[0] <= wavelength <= NANOMETRES[1]:
            raise UnsupportedArrayError(f"wanted nanometres from 1 to 1e6, got {wavelength!r}")
        for distance in (*(self.pixel_size or ()), self.z_step):
            if distance is not None and not MICROMETRES[0] <= distance <= MICROMETRES[1]:
                raise UnsupportedArrayError(f"wanted micrometres from 1e-6 to 1e6, got {distance!r}")

    def _check_size(self) -> None:
        sides = self.shape[:2] if self.axes[-1] == "c" else self.shape[-2:]
        if max(sides) > MAX_SIDE:
            raise UnsupportedArrayError(f"wanted at most {MAX_SIDE} pixels a side, shape is {self.shape!r}")
        if self.axes[0] == "z" and self.shape[0] > MAX_PLANES:
            raise UnsupportedArrayError(f"wanted at most {MAX_PLANES} z-planes, shape is {self.shape!r}")
        if not all(0 < length <= MAX_LENGTH for length in self.shape) or self.nbytes > MAX_NBYTES:
            raise UnsupportedArrayError(
                f"wanted pixels, and at most {MAX_NBYTES} bytes of them, shape is {self.shape!r}"
            )
