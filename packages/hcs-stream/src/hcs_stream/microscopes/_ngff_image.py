"""The planes of one OME-NGFF image, found by reading its metadata; no pixel is read."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import msgspec

from ._channels import tell_apart
from ._grammar import Description
from ._image_file import ImageFile
from ._ngff_metadata import Axis, Metadata, Multiscale, below, check_planes, read_shape
from ._ngff_scale import scale_of

OLD_AXES = "tczyx"  # of versions before 0.3, which do not say them


class NgffImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image in its finest resolution."""

    path: Path
    """The array."""
    axes: list[str]
    """All of them, slowest first; the last are y and x."""
    lengths: tuple[int, ...]
    """Of all axes but y and x."""
    labels: dict[str, str]
    """Names of the channels by their numbers, as far as they tell these apart."""
    description: Description

    @property
    def channels(self) -> int:
        """How many there are."""
        return self.lengths[self.axes.index("c")] if "c" in self.axes else 1

    def planes(self, *, plate: str = "", well: str = "", site: int | None = None) -> Iterator[ImageFile]:
        """Yield all planes, each at its place on the axes t, c and z."""
        for key in product(*map(range, self.lengths)):
            at = dict(zip(self.axes, key, strict=False))
            yield ImageFile(
                path=self.path,
                plate=plate,
                well=well,
                site=site,
                channel=self._channel(at),
                z_index=at.get("z"),
                timepoint=at.get("t"),
                key=key,
            )

    def _channel(self, at: dict[str, int]) -> str:
        """Return the channel's name, and the place on axes for which an address has no words."""
        number = str(at.get("c", 0))
        channel = self.labels.get(number, number)
        others = [f"{axis} {at[axis]}" for axis in at if axis not in OLD_AXES]
        return f"{channel} ({', '.join(others)})" if others else channel


def first_multiscale(metadata: Metadata) -> Multiscale:
    """Return what the group of an image says of its resolutions.

    Raises:
        ValueError: It says nothing of them, or it is malformed.
    """
    if not (multiscales := metadata.multiscales):
        raise ValueError("the group says nothing of an image")
    return multiscales[0]


def ngff_image(folder: Path, metadata: Metadata) -> NgffImage:
    """Return the image whose group this is.

    Args:
        folder: The group's.
        metadata: What it says.

    Raises:
        OSError: Its array is not there, or cannot be read.
        ValueError: The metadata are malformed, or say no planes that can be listed.
    """
    multiscale = first_multiscale(metadata)
    if not multiscale.datasets:
        raise ValueError("the group says nothing of an image's resolutions")
    axes, path = _axes(multiscale), below(folder, multiscale.datasets[0].path)
    shape = read_shape(path)
    names = [axis.name for axis in axes]
    if names[-2:] != ["y", "x"] or len(shape) != len(axes) or len(set(names)) != len(names):
        raise ValueError(f"wanted axes that end in y and x, found {names} for the shape {shape}")
    check_planes(shape[:-2])
    count = shape[names.index("c")] if "c" in names else 1
    height, width, z_step = (scale_of(multiscale, axes, name) for name in "yxz")
    size = (height, width) if height and width else None
    return NgffImage(
        path=path,
        axes=names,
        lengths=shape[:-2],
        labels=tell_apart(metadata.labels, [str(number) for number in range(count)]),
        description=Description(pixel_size=size, z_step=z_step),
    )


def _axes(multiscale: Multiscale) -> list[Axis]:
    axes = [Axis(axis) if isinstance(axis, str) else axis for axis in multiscale.axes]
    return axes or [Axis(name) for name in OLD_AXES]
