"""Open a plate: every image below a folder, with its address."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from hcs_stream._unicode import readable

from ._described import Described, Lengths, describe
from ._errors import NoImagesError, NoMatchError, NotAPlateFolderError, PlateNotFoundError
from ._folders import Listing, list_folders
from ._image_file import ImageFile
from ._makers import grammar_of, grammars
from ._names import plate_folder
from ._ngff import OmeNgff
from ._ngff_plate import ngff_plate
from ._ngff_singles import is_single, plate_above
from ._on_demand import Paths
from ._parsing import TIFF, File, Sorted, parse_folders
from ._pattern_grammar import Pattern
from ._sorting import natural_order

HOME = "~"
COMPONENTS_IN_ORDER = ("plate", "well", "site", "channel", "z_index", "timepoint")


class Plate(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of images of which each has its address."""

    name: str
    """The plate's name in the file names; the folder's where they disagree or say none."""
    images: Sequence[ImageFile]
    """In natural order of plate, well, site, channel, z_index, timepoint; each is made when asked for."""
    skipped: dict[str, Sequence[Path]]
    """Files left out on purpose: ``"thumbs"``, ``"hidden"``, ``"other"`` (no image); where there are any,
    ``"corrections"``, ``"overlays"``, ``"stores"`` (of Zarr, beside images), ``"broken"`` (links) and
    ``"duplicates"`` (another image, the first by path, has the same address)."""
    unparsed: Sequence[Path]
    """Images whose names no grammar knows, and what could not be read: metadata, wells, closed folders."""
    unreadable: dict[Path, str] = {}
    """Those of ``unparsed`` that have images which are therefore missing, and why."""
    single_images: Sequence[Path] = ()
    """OME-NGFF images of no plate, which ``hcs-stream send`` shows; beside images they are ``"stores"``."""
    maker: str = ""
    """The name of the grammar that knows most images."""
    folder: Path = Path()
    pixel_size: tuple[float, float] | None = None
    """Height and width of a pixel in µm, where the metadata say it."""
    z_step: float | None = None
    """Distance of z-planes in µm, where the metadata say it."""
    lengths: dict[str, Lengths] = {}
    """Pixel size and z-step of each plate by its name: several below one folder need not have the same."""
    wavelengths: dict[str, float] = {}
    """Emission in nm by the channel's name, where the metadata say it."""


def open_plate(
    folder: Path | str,
    *,
    maker: str | None = None,
    pattern: str | None = None,
    told: Callable[[int], None] | None = None,
) -> Plate:
    """Find every image below a folder and read its address from its name.

    No pixel is read, and of metadata files only as much as the names leave open. A name that no grammar
    knows is no error: see ``Plate.unparsed``.

    Args:
        folder: Of one plate or of several; an OME-NGFF store is a plate too. ``~`` is the user's home.
        maker: Whose grammar alone to use, such as ``"Opera Phenix"``. By default that of the metadata files,
            else that which knows most names; what it does not know, the others may.
        pattern: How the images are named if no maker names them so, with their folders if these say
            something: ``"{well}/f{site}_{channel}.tif"``. No grammar reads them then; ``maker`` says whose
            metadata files count.
        told: Is called, folder after folder, with the number of files that were seen until now; what it
            raises ends it.

    Raises:
        NoImagesError: No image is below the folder, as far as it may be looked into.
        NoMatchError: None is named as the pattern says.
        NotAPlateFolderError: The path leads to a file.
        PatternError: The pattern is none.
        PlateNotFoundError: Nothing is at the path.
        UnknownMakerError: There is no grammar of this maker.
    """
    root = Path(folder)
    if root.parts[:1] == (HOME,):
        root = root.expanduser()
    tried = [grammar_of(maker)] if maker else list(grammars().values())
    by_name = [grammar for grammar in tried if grammar.name != OmeNgff.name]
    own = None if pattern is None else Pattern(pattern, by_name, Path(os.path.abspath(root)).parts[1:-1])
    _check_is_folder(root)
    listing = list_folders(root, told)
    done = _parsed(listing, own) if own else parse_folders(listing.folders, by_name)
    return _sort_out(root, listing, done, has_stores=len(by_name) < len(tried))


def _check_is_folder(root: Path) -> None:
    if not root.exists():
        raise PlateNotFoundError(root)
    if not root.is_dir():
        raise NotAPlateFolderError(root)


def _parsed(listing: Listing, pattern: Pattern) -> Sorted:
    done = parse_folders(listing.folders, [pattern], (*TIFF, *pattern.endings))
    if done.unparsed and not done.groups:
        folder, name = sorted(done.unparsed)[len(done.unparsed) // 2]  # the first is often an overview
        compared = Path(os.path.abspath(folder / name)).parts[-1 - pattern.depth :]
        raise NoMatchError(pattern.pattern, len(done.unparsed), readable("/".join(compared)))
    return done


def _sort_out(root: Path, listing: Listing, done: Sorted, *, has_stores: bool) -> Plate:
    found = describe(done, readable(plate_folder(Path(os.path.abspath(root)).parts)))
    makers = Counter[str]()
    for group in done.groups:
        makers[group.grammar.name] += len(group.names)
    single_images: list[Path] = []
    if has_stores and not found.images:
        single_images = _read_stores(root, listing, found)
        makers[OmeNgff.name] = len(found.images)
    skipped = _skipped(done, listing, found.twins)
    if not (found.images or found.unread or found.unreadable or done.unparsed or skipped["thumbs"]):
        count = sum(map(len, skipped.values()))
        endings = Counter(filter(None, (path.suffix for path in skipped["other"])))
        raise NoImagesError(
            root,
            count,
            listing.closed,
            len(listing.stores),
            tuple(dict(endings.most_common())),
            tuple(single_images),
        )
    unreadable = {**listing.closed, **found.unreadable}
    return Plate(
        name=_name(found.plates, root),
        images=found.images,
        skipped=skipped,
        unparsed=Paths(
            [*done.unparsed, *((path.parent, path.name) for path in (*found.unread, *unreadable))]
        ),
        unreadable=unreadable,
        single_images=single_images,
        maker=next((maker for maker, count in makers.most_common(1) if count), ""),
        folder=root,
        pixel_size=found.pixel_size,
        z_step=found.z_step,
        lengths=found.lengths,
        wavelengths=found.wavelengths,
    )


def _skipped(done: Sorted, listing: Listing, twins: list[File]) -> dict[str, Sequence[Path]]:
    done.skipped["hidden"].extend(listing.hidden)
    if listing.stores:
        done.skipped["stores"] = [(store.parent, store.name) for store in listing.stores]
    if listing.broken:
        done.skipped["broken"] = listing.broken
    if twins:
        done.skipped["duplicates"] = twins
    return {reason: Paths(files) for reason, files in done.skipped.items()}


def _read_stores(root: Path, listing: Listing, found: Described) -> list[Path]:
    """Add the images of OME-NGFF plates; return images of no plate. Both are no longer among the stores."""
    images: list[ImageFile] = []
    plates = {store: plate for store in listing.stores if (plate := ngff_plate(store, found.unreadable))}
    others = [store for store in listing.stores if store not in plates]
    singles = {store for store in others if is_single(store) and plate_above(store) is None}
    listing.stores = [store for store in others if store not in singles]
    names = Counter(plate.name for plate in plates.values())
    for store, plate in plates.items():
        if names[plate.name] > 1 and store != root:
            plate.name = f"{plate.name} ({store.relative_to(root).as_posix()})"
        images.extend(plate.images())
        found.unreadable |= plate.unreadable
        found.learn(plate.description, [plate.name])
        found.learn_wavelengths(plate.description.wavelengths)
    columns = [[getattr(image, part) for image in images] for part in COMPONENTS_IN_ORDER]
    order = natural_order(columns, lambda: [str(image.path) for image in images])
    found.images = tuple(images[place] for place in order.places)
    found.plates = {image.plate for image in images}
    return sorted(singles)


def _name(names: set[str], root: Path) -> str:
    return names.pop() if len(names) == 1 else readable(root.resolve().name)
