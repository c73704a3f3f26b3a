"""The images of an OME-NGFF plate that this package wrote, where they were when they were written.

OME-NGFF counts planes from 0 and knows one kind of images in a field. What it has no words for stands in
the attributes under ``hcs``: which values lie where on the axes t, c, z, what is labels, and what a pipeline
made all of it of.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import TypeAlias

import msgspec

from hcs_protocol import Kind, Step, natural_key
from hcs_stream._chunk_files import ChunkFiles

from ._folders import folders_in
from ._grammar import Description
from ._image_file import ImageFile, Result
from ._ngff_metadata import OthersWordsError, check_planes, read_own
from ._wells import well_of

Value: TypeAlias = str | int | None

FINEST = "0"
LABELS = "labels"
COLOURS = ("red", "green", "blue")
"""How the names of a coloured image's places on the axis c end."""


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """Images of one size and dtype."""

    coloured: bool = False
    labels: bool = False
    t: list[Value] = []
    c: list[Value] = []
    z: list[Value] = []


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """What a plate says of all its images."""

    variants: dict[str, Variant] = {}
    source: str = ""
    step: Step | None = None
    pixel_size: tuple[float, float] | None = None
    z_step: float | None = None
    wavelengths: dict[str, float] = {}

    @property
    def description(self) -> Description:
        """What it says as metadata files of microscopes do."""
        return Description(pixel_size=self.pixel_size, z_step=self.z_step, wavelengths=self.wavelengths)


class OfGroup(msgspec.Struct, frozen=True, kw_only=True):
    """What the group of a field's images of one variant says."""

    variant: str | None = None
    well: str = ""
    field: str = ""
    site: Value | msgspec.UnsetType = msgspec.UNSET


def results_at(folder: Path) -> Results | None:
    """Return what a plate says in our own words; None if another program wrote it.

    Raises:
        OSError: The group cannot be read.
        ValueError: Its metadata are malformed.
    """
    try:
        own = read_own(folder, Results)
    except OthersWordsError:
        return None
    return own if own and own.variants else None


class WellOfResults:
    """The images of one well."""

    def __init__(self, folder: Path, plate: str, results: Results) -> None:
        """Look for them.

        Args:
            folder: The well's.
            plate: The plate's name.
            results: What the plate says.
        """
        self.groups: dict[Path, OfGroup] = {}
        self.unreadable: dict[Path, Exception] = {}
        """Groups whose images are missing, and why."""
        self._plate = plate
        self._results = results
        fields = folders_in(folder)
        for group in (*fields, *(below for field in fields for below in folders_in(field / LABELS))):
            try:
                own = read_own(group, OfGroup)
            except (OSError, ValueError) as error:
                self.unreadable[group] = error
            else:
                if own and own.variant in results.variants:
                    self.groups[group] = own

    def images(self, numbers: Mapping[str, int]) -> Iterator[ImageFile]:
        """Yield all planes that were written; of sites that have names, these are the numbers."""
        for group, own in self.groups.items():
            variant = self._results.variants[own.variant or ""]
            try:
                yield from list(self._images_of(group, own, variant, _site(own, numbers)))
            except (OSError, ValueError) as error:
                self.unreadable[group] = error

    def _images_of(
        self, group: Path, own: OfGroup, variant: Variant, site: int | None
    ) -> Iterator[ImageFile]:
        files = ChunkFiles.of(group / FINEST)
        if files is None:
            raise ValueError("its arrays are not there")
        kind: Kind = "labels" if variant.labels else "image"
        result = Result(self._results.source, self._results.step, kind, variant.coloured)
        well = own.well.replace("/", "")
        lengths = len(variant.t), len(variant.c), len(variant.z)
        check_planes(lengths)
        for t, c, z in product(*map(range, lengths)):
            channel = _channel(variant, c)
            planes = [(t, c + more, z) for more in range(len(COLOURS) if variant.coloured else 1)]
            if channel is not None and all(map(files.has, planes)):
                yield ImageFile(
                    path=group / FINEST,
                    plate=self._plate,
                    well=well_of(well) or well,
                    site=site,
                    channel=channel,
                    z_index=_whole(variant.z[z], z),
                    timepoint=_whole(variant.t[t], t),
                    key=planes[0],
                    result=result,
                )


def numbers_of_sites(wells: Iterable[WellOfResults]) -> dict[str, int]:
    """Return numbers for the sites of a plate that have names: those after its greatest one."""
    sites = {own.site for well in wells for own in well.groups.values()}
    texts = sorted((site for site in sites if isinstance(site, str)), key=natural_key)
    first = max((site for site in sites if isinstance(site, int)), default=0) + 1
    return {site: number for number, site in enumerate(texts, first)}


def _site(own: OfGroup, numbers: Mapping[str, int]) -> int | None:
    if isinstance(own.site, str):
        return numbers[own.site]
    if own.site is msgspec.UNSET:  # of earlier versions
        return int(own.field) if own.field.isdecimal() else None
    return own.site


def store_of(array: Path) -> Path:
    """Return the folder of the plate on which an image of a `WellOfResults` lies."""
    up = 5 if array.parents[1].name == LABELS else 3
    return array.parents[up]


def wells_at(folder: Path) -> Iterator[Path]:
    """Yield the folders in which wells may be."""
    for row in folders_in(folder):
        yield from folders_in(row)


def _channel(variant: Variant, place: int) -> str | None:
    """Return the name of the channel at a place on c, empty if it has none; None at all colours but red."""
    value = variant.c[place]
    name = "" if value is None else str(value)
    if not variant.coloured:
        return name
    begin = name.removesuffix(COLOURS[0])
    of_image = variant.c[place : place + len(COLOURS)]
    return begin.strip() if of_image == [f"{begin}{colour}" for colour in COLOURS] else None


def _whole(value: Value, place: int) -> int | None:
    """Return a plane's number; that of its place if it has a name instead."""
    return place if isinstance(value, str) else value
