"""Images as columns of numbers: a hundred thousand of them travel, are filtered and are drawn quickly."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePath
from typing import Literal, TypeAlias, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from hcs_protocol import Kind, Step, natural_key
from hcs_stream.microscopes import ImageFile, Result

from ._finding import Found
from ._found_images import FoundImage, of_no_plate, of_plate, of_single_image
from ._printable import readable
from ._steps import step_text

COMPONENTS_IN_ORDER = ("plate", "step", "well", "site", "channel", "z_index", "timepoint")
END_OF_NAME = b"\0"
"""No file's name has it."""

Codes = npt.NDArray[np.int32]
Value = str | int | None
Key = TypeVar("Key")


Place: TypeAlias = Literal["plate", "store", "file"]
"""Where an image is: on a plate; on none, in a store of OME-NGFF; on none, in a file of any name."""
PLACES: tuple[Place, ...] = ("plate", "store", "file")
"""In the order in which they are listed."""


class Told(msgspec.Struct, frozen=True):
    """What a plate, or a store of no plate, says of its images."""

    place: Place = "plate"
    pixel_size: tuple[float, float] | None = None
    z_step: float | None = None
    kind: Kind = "image"
    result: Result | None = None
    """Whose source is in the column of the plates."""
    wavelengths: dict[str, float] = {}


class Names(msgspec.Struct, frozen=True):
    """Many names, as the file system has them."""

    joined: bytes
    ends: bytes
    """Where each name ends, 64 bits each."""


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """An `ImageTable` on its way between two processes; numbers are little-endian and of 32 bits."""

    values: dict[str, list[Value]]
    """Of each component, in natural order."""
    codes: dict[str, bytes]
    """By component: which value each image has."""
    told: list[Told]
    told_codes: bytes
    folders: Names
    folder_codes: bytes
    names: Names
    keys: list[tuple[int, ...]]
    key_codes: bytes
    skipped: dict[str, Names]


class ImageTable:
    """Images in the order of their plates, each made when it is asked for."""

    def __init__(self, columns: Columns) -> None:
        self.values: Mapping[str, Sequence[Value]] = columns.values
        """The values that each component has, in natural order."""
        self.codes = {name: _numbers(codes) for name, codes in columns.codes.items()}
        """For each component, which of its values each image has."""
        self._columns = columns
        self._told_codes = _numbers(columns.told_codes)
        self.folders = [Path(name) for name in _split(columns.folders)]
        """Those that have images."""
        self.folder_codes = _numbers(columns.folder_codes)
        """In which of them each image is."""
        self.joined_names = columns.names.joined
        """The names of all files, each with a zero byte behind it."""
        self.name_ends = np.frombuffer(columns.names.ends, "<i8")
        """Where each name ends in them."""
        self._key_codes = _numbers(columns.key_codes)

    def __len__(self) -> int:
        return len(self.name_ends)

    @cached_property
    def folder_texts(self) -> list[str]:
        """The folders below the one that all are in, as they are searched."""
        return [text.casefold() for text in self._folders_below]

    @cached_property
    def _folders_below(self) -> list[str]:
        if not self.folders:
            return []
        root = os.path.commonpath(self.folders)
        return [Path(os.path.relpath(folder, root)).as_posix() for folder in self.folders]

    @cached_property
    def searchable(self) -> tuple[str, npt.NDArray[np.int64]]:
        """All names in one text, in small letters, and where each ends there."""
        joined = self._columns.names.joined
        if joined.isascii():
            return joined.decode().lower(), self.name_ends
        names = [name.casefold() for name in _split(self._columns.names)]
        ends = np.cumsum([len(name) + 1 for name in names], dtype=np.int64) - 1
        return "".join(f"{name}\0" for name in names), ends

    @property
    def told(self) -> Sequence[Told]:
        """What its plates say of their images."""
        return self._columns.told

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """The well, and all other components of which there are several values; in the plate's order."""
        return tuple(name for name in COMPONENTS_IN_ORDER if name == "well" or len(self.values[name]) > 1)

    def value(self, component: str, row: int) -> Value:
        """Return a component of an image."""
        return self.values[component][int(self.codes[component][row])]

    def name(self, row: int) -> str:
        """Return the name of an image's file."""
        start = int(self.name_ends[row - 1]) + 1 if row else 0
        return os.fsdecode(self.joined_names[start : int(self.name_ends[row])])

    def file_text(self, row: int) -> str:
        """Return what a list says of an image's file: of an array of OME-NGFF, where it is in its plate."""
        name = self.name(row)
        is_array = self._columns.keys[int(self._key_codes[row])] and "." not in name
        if not is_array and self._told_of(row).place != "store":
            return name
        folder = int(self.folder_codes[row])
        below = self._folders_below[folder]
        return PurePath(self.folders[folder].name if below == "." else below, name).as_posix()

    def path(self, row: int) -> Path:
        """Return where an image lies."""
        return self.folders[int(self.folder_codes[row])] / self.name(row)

    def is_of_plate(self, row: int) -> bool:
        """Say whether an image's name says where it lies on a plate."""
        return self._told_of(row).place == "plate"

    def is_of_file(self, row: int) -> bool:
        """Say whether nothing but the name of its file tells an image from others."""
        return self._told_of(row).place == "file"

    def image(self, row: int) -> FoundImage:
        """Return an image with all that a viewer is told about it."""
        told = self._told_of(row)
        if told.place == "file":
            return of_no_plate(self.path(row), str(self.value("site", row)))
        file = ImageFile(
            path=self.path(row),
            plate=str(self.value("plate", row) or ""),
            well=str(self.value("well", row) or ""),
            site=_whole(self.value("site", row)),
            channel=str(self.value("channel", row) or ""),
            z_index=_whole(self.value("z_index", row)),
            timepoint=_whole(self.value("timepoint", row)),
            key=self._columns.keys[int(self._key_codes[row])],
            result=told.result,
        )
        if told.place == "store":
            return of_single_image(file, str(self.value("site", row)), told.kind, told)
        return of_plate(file, told, told.kind)

    def _told_of(self, row: int) -> Told:
        return self.told[int(self._told_codes[row])]

    def skipped(self) -> dict[str, list[Path]]:
        """Return the files that are no images, by the reason."""
        return {why: [Path(path) for path in _split(paths)] for why, paths in self._columns.skipped.items()}

    def counts_skipped(self) -> dict[str, int]:
        """Return how many files are no images, by the reason."""
        return {why: len(paths.ends) // 8 for why, paths in self._columns.skipped.items()}


def columns_of(found: Found) -> Columns:
    """Return everything that was found as columns; images of one well come together."""
    ranked = {
        name: _rank([image.keywords.get(name) for image in found.images]) for name in COMPONENTS_IN_ORDER
    }
    order = _order(found.images, [codes for _, codes in ranked.values()])
    images = [found.images[place] for place in order]
    told, told_codes = _told(images)
    keys, key_codes = _unique([image.file.key for image in images])
    places = [os.path.split(image.file.path) for image in images]
    folders, folder_codes = _unique([folder for folder, _ in places])
    return Columns(
        values={name: values for name, (values, _) in ranked.items()},
        codes={name: codes[order].tobytes() for name, (_, codes) in ranked.items()},
        told=told,
        told_codes=told_codes,
        folders=_join(folders),
        folder_codes=folder_codes,
        names=_join(name for _, name in places),
        keys=keys,
        key_codes=key_codes,
        skipped={why: _join(map(str, paths)) for why, paths in _left_out(found).items()},
    )


def _left_out(found: Found) -> dict[str, list[Path]]:
    return {**found.skipped, **({"unreadable": [*found.unreadable]} if found.unreadable else {})}


def _order(images: Sequence[FoundImage], ranks: Sequence[Codes]) -> list[int]:
    """Return the places of images so that those of a group stand together, and those of no plate last."""
    places = np.fromiter((PLACES.index(_place(image)) for image in images), "<i4", len(images))
    return np.lexsort([*ranks[::-1], places]).tolist()  # type: ignore[no-any-return]  # numpy says less


def _told(images: Sequence[FoundImage]) -> tuple[list[Told], bytes]:
    """Return what is said of the images, which is little; wavelengths are by channel."""
    numbers: dict[tuple[object, ...], int] = {}
    told: list[Told] = []
    codes = np.zeros(len(images), "<i4")
    for number, image in enumerate(images):
        plate, *said = _said(image)
        key = plate, *said
        if key not in numbers:
            numbers[key] = len(told)
            told.append(Told(*said))  # type: ignore[arg-type]  # as its plate says it
        if wavelength := image.keywords.get("emission_wavelength"):
            told[numbers[key]].wavelengths[image.file.channel] = wavelength
        codes[number] = numbers[key]
    return told, codes.tobytes()


def _said(image: FoundImage) -> tuple[object, ...]:
    """Return the name of an image's plate, and the fields of `Told` that many images have in common."""
    keywords, result = image.keywords, image.file.result
    return (
        keywords.get("plate"),
        _place(image),
        keywords.get("pixel_size"),
        keywords.get("z_step"),
        keywords.get("kind", "image"),
        result and msgspec.structs.replace(result, source=""),
    )


def _place(image: FoundImage) -> Place:
    if "well" in image.keywords:
        return "plate"
    return "store" if "kind" in image.keywords else "file"


def _readable(value: object) -> Value:
    if isinstance(value, Step):
        value = step_text(value)
    return readable(value) if isinstance(value, str) else value if isinstance(value, int) else None


def _rank(column: Sequence[object]) -> tuple[list[Value], Codes]:
    """Return the values of a column in natural order, and which of them each image has."""
    found = {said: _readable(said) for said in set(column)}
    values = sorted(set(found.values()), key=lambda value: (natural_key(value), str(value)))
    ranks = {value: rank for rank, value in enumerate(values)}
    codes = {said: ranks[value] for said, value in found.items()}
    return values, np.fromiter(map(codes.__getitem__, column), "<i4", len(column))


def _unique(column: Sequence[Key]) -> tuple[list[Key], bytes]:
    places = {value: place for place, value in enumerate(dict.fromkeys(column))}
    return list(places), np.fromiter(map(places.__getitem__, column), "<i4", len(column)).tobytes()


def _join(names: Iterable[str]) -> Names:
    encoded = [os.fsencode(name) for name in names]
    ends = np.cumsum([len(name) + 1 for name in encoded], dtype="<i8") - 1
    return Names(b"".join(name + END_OF_NAME for name in encoded), ends.tobytes())


def _split(names: Names) -> Iterator[str]:
    return map(os.fsdecode, names.joined.split(END_OF_NAME)[:-1])


def _whole(value: Value) -> int | None:
    return value if isinstance(value, int) else None


def _numbers(codes: bytes) -> Codes:
    return np.frombuffer(codes, "<i4")
