"""From an image's path to its plate, its name there, and the place that the name says."""

import os
from collections.abc import Mapping
from pathlib import Path

from hcs_protocol import InvalidComponentError

from ._addresses import plate_address
from ._zarr_places import Place

SUFFIX = ".zarr"


class PlatePath:
    """A path, taken apart: the plate's folder, the image's name in it, and the place that the name says."""

    def __init__(
        self, path: Path, maker: str | None = None, components: Mapping[str, object] | None = None
    ) -> None:
        above = next((folder for folder in path.parents if folder.suffix == SUFFIX), None)
        self.base = above or path.parent
        self.plate = above or path.parent / f"{Path(os.path.abspath(path.parent)).name or 'plate'}{SUFFIX}"
        self.name = path.relative_to(self.base).as_posix()
        said = components if components is not None else plate_address(path, maker=maker, root=self.base)
        self.place = _place(said or {})


def _place(components: Mapping[str, object]) -> Place | None:
    try:
        return Place.of(components)
    except InvalidComponentError:
        return None  # no well, or one that NGFF cannot name: an image of its own
