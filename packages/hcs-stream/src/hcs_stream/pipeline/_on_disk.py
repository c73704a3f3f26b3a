"""Images on disk: one a file, or each plane of a file that has several, as `hcs-stream send` has them."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from hcs_protocol import COMPONENTS, Components
from hcs_stream.microscopes import ImageFile
from hcs_stream.sending import FoundImage, planes_on_disk

from ._images import Images

if TYPE_CHECKING:
    from hcs_stream._addresses import ImageKeywords


class Inside(NamedTuple):
    """What files say beside their names."""

    channels: frozenset[str]
    """All that there are."""
    components: frozenset[str]
    """Those of which files have other values than their names."""


def on_disk(files: Iterable[ImageFile]) -> Iterator[Images]:
    """Yield the images of files; no pixel is read, but each TIFF is asked how many planes it has."""
    for file in files:
        components = _components_of(file)
        said = {name: components.value(name) for name in COMPONENTS}
        planes = planes_on_disk(FoundImage(file, cast("ImageKeywords", said)))
        for plane in planes:
            yield Images(_with(components, plane.keywords), plane)
        if not planes:
            yield Images(components, file)


def look_inside(files: Iterable[ImageFile]) -> Inside:
    """Look into the first file of each plate and channel: the others will be alike."""
    first: dict[tuple[str, str], ImageFile] = {}
    for file in files:
        first.setdefault((file.plate, file.channel), file)
    channels: set[str] = set()
    said: set[str] = set()
    for file in first.values():
        named = _components_of(file)
        for components in (images.components for images in on_disk([file])):
            channels.add(str(components.channel or ""))
            said.update(name for name in COMPONENTS if components.value(name) != named.value(name))
    return Inside(frozenset(channels), frozenset(said))


def _components_of(file: ImageFile) -> Components:
    return Components(
        plate=file.plate,
        well=file.well,
        site=file.site,
        channel=file.channel or None,
        z_index=file.z_index,
        timepoint=file.timepoint,
    )


def _with(components: Components, said: "ImageKeywords") -> Components:
    return msgspec.structs.replace(components, **{name: said.get(name) for name in COMPONENTS})
