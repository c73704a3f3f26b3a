"""The planes of OME-NGFF images of no plate, and of their labels."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from hcs_protocol import Kind
from hcs_stream.microscopes import Plate
from hcs_stream.microscopes._described import Described
from hcs_stream.microscopes._ngff_results import LABELS
from hcs_stream.microscopes._ngff_singles import SingleImage, single_images

from ._distinct import Name, Placed
from ._found_images import of_plate, of_single_image


def placed_planes(store: Path, unreadable: dict[Path, str]) -> Iterator[Placed]:
    """Yield all planes of a store's images; note the images that cannot be read, and why."""
    for single in single_images(store, unreadable):
        name = Name(single.named, f" ({single.series})" if single.series else "")
        kind: Kind = "labels" if single.labels else "image"
        usable = Described()
        usable.learn(single.image.description)
        for plane in single.image.planes():
            named = msgspec.structs.replace(plane, channel=_channel(single, plane.channel))
            yield Placed(of_single_image(named, "", kind, usable), None, name)


def placed_labels(folder: Path, plates: Iterable[Plate], unreadable: dict[Path, str]) -> Iterator[Placed]:
    """Yield the planes of labels that lie in an image of a plate, at its well and site."""
    whole = Path(os.path.abspath(folder))
    of = ((image, plate) for plate in plates for image in plate.images)
    of_image = ((image, plate) for image, plate in of if image.path.is_relative_to(whole.parents[1]))
    if whole.parent.name != LABELS or (found := next(of_image, None)) is None:
        return
    image, plate = found
    for single in single_images(whole, unreadable):
        for plane in single.image.planes(plate=image.plate, well=image.well, site=image.site):
            named = msgspec.structs.replace(plane, channel=_channel(single, plane.channel))
            yield Placed(of_plate(named, plate, "labels"), plate.folder)


def _channel(single: SingleImage, channel: str) -> str:
    """Return a channel's name; of labels theirs, and which channel it is if they have several."""
    if not single.labels:
        return channel
    return single.labels if single.image.channels == 1 else f"{single.labels} ({channel})"
