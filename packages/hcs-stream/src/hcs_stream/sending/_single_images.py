"""The planes of OME-NGFF images of no plate, and of their labels."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from hcs_protocol import Kind
from hcs_stream.microscopes._described import Described
from hcs_stream.microscopes._ngff_singles import SingleImage, single_images

from ._distinct import Name, Placed
from ._found_images import of_single_image


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


def _channel(single: SingleImage, channel: str) -> str:
    """Return a channel's name; of labels theirs, and which channel it is if they have several."""
    if not single.labels:
        return channel
    return single.labels if single.image.channels == 1 else f"{single.labels} ({channel})"
