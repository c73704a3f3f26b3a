"""OME-NGFF: paths of images inside a plate."""

import re
from pathlib import Path

from ._grammar import Grammar, ParsedName, checked
from ._image_file import ImageFile
from ._wells import well_of

_STORE = re.compile(r"(.+?)(?:\.ome)?\.zarr", re.IGNORECASE)


class OmeNgff(Grammar):
    """OME-NGFF plates, versions 0.4 and 0.5: ``plate.zarr/B/03/0`` is row, column and field.

    A path says no channel and no plane: `open_plate` reads them from the metadata, and an address that was
    read from a path has the channel ``"0"``.
    """

    name = "OME-NGFF"

    def parse(self, name: str, folders: tuple[str, ...]) -> ParsedName | None:
        """Read an address from the path of an image, or of one of its resolutions."""
        parts = (*folders, name)
        stores = [place for place, part in enumerate(parts) if _STORE.fullmatch(part)]
        if not stores:
            return None
        store, inside = _STORE.fullmatch(parts[stores[-1]]), parts[stores[-1] + 1 :]
        if store is None or len(inside) not in (3, 4) or not all(map(str.isascii, inside)):
            return None
        row, column, *numbers = inside
        well = well_of(row + column) if row.isalpha() and column.isdecimal() else None
        if well is None or not all(map(str.isdecimal, numbers)):
            return None
        return ParsedName(well, "0", int(numbers[0]), plate=store[1])

    def format(self, image: ImageFile) -> Path:
        """Say where the image is; only its channel ``"0"``, outside a stack, has a place of its own."""
        row = image.well.rstrip("0123456789")
        place = Path(f"{image.plate}.zarr", row, image.well.removeprefix(row), str(image.site))
        return checked(self, image, place)
