"""The images of an OME-NGFF plate, found by reading its metadata; no pixel is read."""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hcs_stream._unicode import readable

from ._grammar import Description
from ._image_file import ImageFile
from ._ngff_image import first_multiscale, ngff_image
from ._ngff_metadata import PlateMetadata, WellPlace, below, read_group
from ._ngff_results import Results, WellOfResults, numbers_of_sites, results_at, wells_at
from ._wells import well_at, well_of

logger = logging.getLogger(__name__)

_NUMBER = re.compile(r"[0-9]{1,9}")


class NgffPlate:
    """A plate in a store, read when `images` runs."""

    def __init__(self, folder: Path, plate: PlateMetadata, results: Results | None = None) -> None:
        """Take what its metadata says.

        Args:
            folder: The store's.
            plate: In the words of OME-NGFF.
            results: In our own, if we wrote it.
        """
        self.folder = folder
        name = Path(os.path.abspath(folder)).name.removesuffix(".zarr").removesuffix(".ome")
        self.name = str(plate.name or readable(name))
        self.unreadable: dict[Path, str] = {}
        """Wells and images that the metadata name and that cannot be read, and why."""
        self.description = results.description if results else Description()
        self._plate = plate
        self._results = results

    def images(self) -> Iterator[ImageFile]:
        """Yield all planes; a well that cannot be read is passed over, and named in ``unreadable``."""
        if self._results:
            yield from self._on_disk(self._results)
        for place in self._plate.wells:
            try:
                yield from self._well(place)
            except (OSError, ValueError) as error:
                self._give_up(self.folder / place.path.strip("/"), error)

    def _on_disk(self, results: Results) -> Iterator[ImageFile]:
        wells = [WellOfResults(folder, self.name, results) for folder in wells_at(self.folder)]
        numbers = numbers_of_sites(wells)
        for well in wells:
            yield from well.images(numbers)
            for path, error in well.unreadable.items():
                self._give_up(path, error)

    def _well(self, place: WellPlace) -> Iterator[ImageFile]:
        folder = below(self.folder, place.path)
        found = read_group(folder).well
        if found is None:
            raise ValueError("the group says nothing of a well")
        sites = _sites([image.path for image in found.images])
        for site, image in zip(sites, found.images, strict=True):
            try:
                yield from list(self._planes(below(folder, image.path), self._name_of(place), site))
            except (OSError, ValueError) as error:
                self._give_up(folder / image.path.strip("/"), error)

    def _planes(self, folder: Path, well: str, site: int) -> Iterator[ImageFile]:
        metadata = read_group(folder)
        if self._results:
            first_multiscale(metadata)
            return  # that the image is there is all that is to be known
        image = ngff_image(folder, metadata)
        if self.description.pixel_size is None:
            self.description = image.description
        yield from image.planes(plate=self.name, well=well, site=site)

    def _name_of(self, place: WellPlace) -> str:
        row, _, column = place.path.strip("/").partition("/")
        if place.row_index is not None and place.row_index < len(self._plate.rows):
            row = str(self._plate.rows[place.row_index].name)
        if place.column_index is not None and place.column_index < len(self._plate.columns):
            column = str(self._plate.columns[place.column_index].name)
        if row.isdecimal() and column.isdecimal():
            return well_at(row, column) or f"{row}-{column}"
        return well_of(row + column) or row + column

    def _give_up(self, path: Path, error: Exception) -> None:
        logger.warning("image unreadable path=%s error=%s", path, error)
        self.unreadable[path] = str(error)


def ngff_plate(folder: Path, unreadable: dict[Path, str]) -> NgffPlate | None:
    """Return the plate in a store, or None where the store is something else, or cannot be read."""
    try:
        plate = read_group(folder).plate
        results = results_at(folder) if plate else None
    except FileNotFoundError:  # a group of version 2 that says nothing
        return None
    except (OSError, ValueError) as error:
        logger.warning("metadata unreadable path=%s error=%s", folder, error)
        unreadable[folder] = str(error)
        return None
    return NgffPlate(folder, plate, results) if plate else None


def _sites(paths: Sequence[str]) -> Sequence[int]:
    """Return the numbers that the names of a well's images begin with, else their places."""
    numbers = [int(found[0]) for path in paths if (found := _NUMBER.match(path))]
    return numbers if len(set(numbers)) == len(paths) else range(len(paths))
