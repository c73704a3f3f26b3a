"""What is to be sent: images by the files, folders and globs that a command names, each with its keywords."""

import glob
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from hcs_protocol import HcsError
from hcs_stream._addresses import ImageKeywords
from hcs_stream.microscopes import ImageFile, NoImagesError, Plate

from ._choice import Choice
from ._open_plates import open_plates
from ._printable import readable

TIFF = (".tif", ".tiff")
PICTURES = (*TIFF, ".png", ".jpg", ".jpeg", ".bmp")


class NoSuchImageError(HcsError, FileNotFoundError):
    """A path or glob that a command names leads to nothing."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said

    def __str__(self) -> str:
        return f"wanted an image, the folder of a plate or a glob, found nothing at {self.said!r}"


class FoundImage(msgspec.Struct, frozen=True, gc=False):
    """An image and what `Stream.send` is told about it."""

    file: ImageFile
    keywords: ImageKeywords


class Found(msgspec.Struct):
    """Everything that a command named."""

    images: list[FoundImage] = []
    skipped: dict[str, list[Path]] = {}
    """Files that are not sent, by the reason."""

    def skip(self, why: str, paths: Iterable[Path]) -> None:
        """Note files that are not sent."""
        paths = list(paths)
        if paths:
            self.skipped.setdefault(why, []).extend(paths)


class SaysOfImages(Protocol):
    """A plate, or what it says of its images."""

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """In µm."""

    @property
    def z_step(self) -> float | None:
        """In µm."""

    @property
    def wavelengths(self) -> Mapping[str, float]:
        """In nm, by channel."""


def find_images(
    said: Sequence[str], *, maker: str | None = None, told: Callable[[int], None] | None = None
) -> Found:
    """Find all images at these paths; each once, in the order of the paths.

    A file that lies on a plate has the address that it has there. One of any other name is shown all the
    same, at a position of its own among the sites.

    Args:
        said: Folders of plates, files, and globs for shells that leave them as they are.
        maker: Whose file names they are.
        told: As `hcs_stream.microscopes.open_plate`.

    Raises:
        NoSuchImageError: There is nothing at one of the paths.
        HcsError: As `hcs_stream.microscopes.open_plate`.
    """
    found = Found()
    folders, files = _folders_and_files(said)
    for folder in folders:
        for plate in open_plates(folder, maker=maker, told=told):
            _add_plate(found, plate)
    if files:
        _add_files(found, files, maker, told)
    unique = {(image.file.path, image.file.key): image for image in reversed(found.images)}
    found.images = list(reversed(unique.values()))
    return found


def choose(found: Found, choice: Choice) -> list[FoundImage]:
    """Return the images that a choice takes, and note the others as skipped."""
    chosen = [image for image in found.images if choice.accepts(image.keywords)]
    taken = {id(image) for image in chosen}
    found.skip("not chosen", (image.file.path for image in found.images if id(image) not in taken))
    return chosen


def of_plate(image: ImageFile, plate: SaysOfImages) -> FoundImage:
    """Return an image of a plate with what the plate says of it."""
    keywords: ImageKeywords = {
        "plate": readable(image.plate),
        "well": image.well,
        "site": image.site,
        "channel": image.channel,
        "z_index": image.z_index,
        "timepoint": image.timepoint,
        "pixel_size": plate.pixel_size,
        "z_step": plate.z_step,
        "emission_wavelength": plate.wavelengths.get(image.channel),
    }
    return FoundImage(image, keywords)


def of_no_plate(path: Path) -> FoundImage:
    """Return an image whose name says nothing, as a site that is called like it."""
    file = ImageFile(path=path, plate="", well="", site=None, channel="", z_index=None, timepoint=None)
    return FoundImage(file, {"site": readable(path.stem)})


def _folders_and_files(said: Sequence[str]) -> tuple[list[Path], list[Path]]:
    folders: list[Path] = []
    files: list[Path] = []
    for one in said:
        for path in _paths(one):
            (folders if path.is_dir() else files).append(path)
    return folders, files


def _paths(said: str) -> Iterator[Path]:
    if Path(said).exists():
        yield Path(said)
        return
    matches = sorted(glob.glob(said, recursive=True))
    if not matches:
        raise NoSuchImageError(said)
    yield from map(Path, matches)


def _add_plate(found: Found, plate: Plate) -> None:
    found.images.extend(of_plate(image, plate) for image in plate.images)
    for why, paths in plate.skipped.items():
        found.skip(why, paths)
    for path in plate.unparsed:
        if path.suffix.lower() in PICTURES:
            found.images.append(of_no_plate(path))
        else:
            found.skip("of broken metadata", [path])


def _add_files(
    found: Found, files: Sequence[Path], maker: str | None, told: Callable[[int], None] | None
) -> None:
    """Look each file up in the plate that its folder is."""
    known: dict[Path, FoundImage] = {}
    for folder in dict.fromkeys(path.parent for path in files):
        try:
            plates = open_plates(folder, maker=maker, told=told)
        except NoImagesError:  # such as a folder of PNG alone
            continue
        known |= {image.path: of_plate(image, plate) for plate in plates for image in plate.images}
    for path in files:
        if path in known:
            found.images.append(known[path])
        elif path.suffix.lower() in PICTURES:
            found.images.append(of_no_plate(path))
        else:
            found.skip("other", [path])
