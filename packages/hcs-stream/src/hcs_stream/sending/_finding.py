"""What is to be sent: images by the files, folders and globs that a command names."""

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from hcs_protocol import HcsError
from hcs_stream._addresses import ImageKeywords
from hcs_stream.microscopes import ImageFile, NoImagesError, NoMatchError, Plate, folder_of_plate
from hcs_stream.microscopes._ngff_results import store_of
from hcs_stream.microscopes._ngff_singles import plate_above

from ._choice import Choice
from ._distinct import Placed, once, told_apart
from ._found_images import PICTURES, FoundImage, of_no_plate, of_plate
from ._open_plates import open_plates
from ._planes import planes_on_disk
from ._single_images import placed_labels, placed_planes

NOT_MATCHING = "not matching"
"""Why an image is left out whose name is not as the pattern says."""


class NoSuchImageError(HcsError, FileNotFoundError):
    """A path or glob that a command names leads to nothing."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said

    def __str__(self) -> str:
        return f"wanted an image, the folder of a plate or a glob, found nothing at {self.said!r}"


class Found(msgspec.Struct):
    """Everything that a command named."""

    images: list[FoundImage] = []
    skipped: dict[str, list[Path]] = {}
    """Files that are not sent, by the reason."""
    unreadable: dict[Path, str] = {}
    """What has images that are missing here, such as a closed folder or a well without metadata, and why."""
    inside: list[ImageKeywords] = []
    """What files of several planes say of these, as far as they had to be asked."""
    unknown: list[Path] = []
    """Images beside a plate's, or in its place, whose names say nothing: each is sent as a site called so."""

    def skip(self, why: str, paths: Iterable[Path]) -> None:
        """Note files that are not sent."""
        paths = list(paths)
        if paths:
            self.skipped.setdefault(why, []).extend(paths)


class Names(msgspec.Struct, frozen=True):
    """How the names of images are read."""

    maker: str | None = None
    pattern: str | None = None

    def open(self, folder: Path, told: Callable[[int], None] | None) -> list[Plate]:
        """Open each plate below a folder."""
        return open_plates(folder, maker=self.maker, pattern=self.pattern, told=told)


def find_images(
    said: Sequence[str],
    *,
    maker: str | None = None,
    pattern: str | None = None,
    told: Callable[[int], None] | None = None,
) -> Found:
    """Find all images at these paths; each once, in the order of the paths, and no two at one address.

    A file that lies on a plate has the address that it has there. One of any other name is shown all the
    same, at a position of its own among the sites; so are pictures of other kinds in a folder without TIFF.
    With a pattern, images of other names are left out.

    Args:
        said: Folders of plates, files, and globs for shells that leave them as they are.
        maker: Whose file names they are.
        pattern: How they are named, as `hcs_stream.microscopes.open_plate`.
        told: As `hcs_stream.microscopes.open_plate`.

    Raises:
        NoSuchImageError: There is nothing at one of the paths.
        HcsError: As `hcs_stream.microscopes.open_plate`.
    """
    found = Found()
    placed: list[Placed] = []
    names = Names(maker, pattern)
    folders, files = _folders_and_files(said)
    for folder in folders:
        placed += _of_folder(folder, names, found, told)
    placed += _of_files(files, names, found, told)
    found.images = told_apart(once(placed))
    return found


def choose(found: Found, choice: Choice) -> list[FoundImage]:
    """Return the images that a choice takes, and note the others as skipped.

    Of a file that has several planes, one that is taken is enough.
    """
    taken = _Taken(choice)
    chosen = [image for image in found.images if taken.has(image)]
    found.inside = taken.inside
    kept = {id(image) for image in chosen}
    found.skip("not chosen", (image.file.path for image in found.images if id(image) not in kept))
    return chosen


class _Taken:
    """Asks files for their planes where a choice is about those.

    If the first file of a plate and channel has but one, the others are not asked.
    """

    def __init__(self, choice: Choice) -> None:
        self.inside: list[ImageKeywords] = []
        """What files say of their planes."""
        self._choice = choice
        self._have_planes: dict[object, bool] = {}

    def has(self, image: FoundImage) -> bool:
        said = image.keywords
        kind = (said.get("plate"), said.get("channel")) if "well" in said else image.file.path
        if not self._choice.needs_planes(said) or not self._have_planes.get(kind, True):
            return self._choice.accepts(said)
        inside = [plane.keywords for plane in planes_on_disk(image)]
        self._have_planes.setdefault(kind, bool(inside))
        self.inside += inside
        return any(self._choice.accepts_plane(said, plane) for plane in inside or [said])


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
    there = next(above for above in Path(said).parents if above.exists())  # its name may look like a glob
    below = os.path.join(glob.escape(str(there)), Path(said).relative_to(there))
    matches = sorted(glob.glob(said, recursive=True) or glob.glob(below, recursive=True))
    if not matches:
        raise NoSuchImageError(said)
    yield from map(Path, matches)


def _of_folder(
    folder: Path, names: Names, found: Found, told: Callable[[int], None] | None
) -> Iterator[Placed]:
    try:
        plates = names.open(folder, told)
    except NoImagesError as error:
        missing = len(found.unreadable)
        inside = list(_inside_plate(folder, names, found, told))
        pictures = [] if inside or folder in error.single_images else _pictures(folder)
        has_any = inside or len(found.unreadable) > missing or error.single_images
        if not has_any and (not pictures or names.pattern is not None):
            raise
        found.unreadable |= error.closed
        yield from inside
        yield from _of_single_images(error.single_images, names, found)
        if names.pattern is None:
            yield from (Placed(of_no_plate(path), None) for path in pictures)
        return
    for plate in plates:
        yield from _of_plate(plate, names, found)
        yield from _of_single_images(plate.single_images, names, found)


def _inside_plate(
    folder: Path, names: Names, found: Found, told: Callable[[int], None] | None
) -> Iterator[Placed]:
    """Yield the images of a plate that lie in a folder inside its store, such as a well's or an image's."""
    if (store := plate_above(folder)) is None:
        return
    whole, plates = os.path.abspath(folder), names.open(store, told)
    placed = [
        _placed(image, plate)
        for plate in plates
        for image in plate.images
        if image.path.is_relative_to(whole)
    ]
    yield from placed or placed_labels(folder, plates, found.unreadable)
    for plate in plates:
        found.unreadable |= {p: why for p, why in plate.unreadable.items() if p.is_relative_to(whole)}


def _of_single_images(stores: Sequence[Path], names: Names, found: Found) -> Iterator[Placed]:
    if names.pattern is not None:
        found.skip(NOT_MATCHING, stores)
        return
    for store in stores:
        yield from placed_planes(store, found.unreadable)


def _pictures(folder: Path) -> list[Path]:
    """Return all pictures below a folder, but hidden ones."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())
    return sorted(p for p in found if not any(part[0] == "." for part in p.relative_to(folder).parts))


def _of_plate(plate: Plate, names: Names, found: Found) -> Iterator[Placed]:
    for image in plate.images:
        yield _placed(image, plate)
    for why, paths in plate.skipped.items():
        found.skip(why, paths)
    found.unreadable |= plate.unreadable
    for path in plate.unparsed:
        if path in plate.unreadable:
            continue
        if path.suffix.lower() in PICTURES and names.pattern is not None:
            found.skip(NOT_MATCHING, [path])
        elif path.suffix.lower() in PICTURES:
            found.unknown.append(path)
            yield Placed(of_no_plate(path), None)
        else:
            found.skip("of broken metadata", [path])


def _placed(image: ImageFile, plate: Plate) -> Placed:
    return Placed(of_plate(image, plate), store_of(image.path) if image.result else plate.folder)


def _of_files(
    files: Sequence[Path], names: Names, found: Found, told: Callable[[int], None] | None
) -> Iterator[Placed]:
    """Look each file up in the plate on which it lies."""
    known: dict[str, Placed] = {}
    for folder in dict.fromkeys(folder_of_plate(path) for path in files):
        try:
            plates = names.open(folder, told)
        except (NoImagesError, NoMatchError):  # such as a folder of PNG alone
            continue
        known |= {
            os.path.abspath(image.path): _placed(image, plate) for plate in plates for image in plate.images
        }
    for path in files:
        if placed := known.get(os.path.abspath(path)):
            yield placed
        elif path.suffix.lower() not in PICTURES:
            found.skip("other", [path])
        elif names.pattern is not None:
            found.skip(NOT_MATCHING, [path])
        else:
            yield Placed(of_no_plate(path), None)
