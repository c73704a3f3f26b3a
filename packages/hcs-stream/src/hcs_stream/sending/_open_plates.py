"""Every plate below a folder, each opened by itself, so that each keeps its own pixel size."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from hcs_stream.microscopes import Plate, open_plate


def open_plates(
    folder: Path | str,
    *,
    maker: str | None = None,
    pattern: str | None = None,
    told: Callable[[int], None] | None = None,
) -> list[Plate]:
    """Open each plate below a folder.

    Plates whose images lie in the same folder are one `Plate`, whose images say of which they are. What was
    skipped beside the plates' folders is a last `Plate` without images.

    Raises:
        HcsError: As `hcs_stream.microscopes.open_plate`.
    """
    whole = open_plate(folder, maker=maker, pattern=pattern, told=told)
    folders = _folders_of_plates(whole)
    if not folders:
        return [whole]
    names = {image.path: image.plate for image in whole.images}
    several = [open_plates(below, maker=maker, pattern=pattern, told=told) for below in folders]
    plates = [_renamed(plate, names) for below in several for plate in below]
    rest = _beside(whole, plates)
    has_more = rest.unparsed or rest.single_images or any(rest.skipped.values())
    return [*plates, rest] if has_more else plates


def reason(kind: str, count: int) -> str:
    """Say how many files were skipped and what they are: ``"6 corrections"``, ``"1 other file"``."""
    if kind == "other":
        return files(count, "other ")
    return f"{count} {kind}" if count != 1 else f"1 {kind.removesuffix('s')}"


def files(count: int, which: str = "") -> str:
    """Say ``"1 file"``, ``"3 files"``."""
    return f"{count} {which}file{'s' if count != 1 else ''}"


def _folders_of_plates(whole: Plate) -> list[Path]:
    """Return the folders right below that have plates of their own; none if plates and folders mix."""
    names: dict[str, set[str]] = {}
    for image in whole.images:
        first, *others = image.path.relative_to(whole.folder).parts
        if not others:
            return []
        names.setdefault(first, set()).add(image.plate)
    plates = set().union(*names.values())
    apart = sum(map(len, names.values())) == len(plates) > 1
    return [whole.folder / first for first in names] if apart else []


def _renamed(plate: Plate, names: dict[Path, str]) -> Plate:
    """Give plates of one name in several folders the names that tell them apart."""
    images = tuple(
        image
        if names.get(image.path, image.plate) == image.plate
        else msgspec.structs.replace(image, plate=names[image.path])
        for image in plate.images
    )
    called = {image.plate for image in images}
    name = called.pop() if len(called) == 1 else plate.name
    return msgspec.structs.replace(plate, images=images, name=name)


def _beside(whole: Plate, plates: Iterable[Plate]) -> Plate:
    known = {
        path
        for plate in plates
        for paths in (*plate.skipped.values(), plate.unparsed, plate.single_images)
        for path in paths
    }
    return msgspec.structs.replace(
        whole,
        images=(),
        skipped={why: tuple(p for p in paths if p not in known) for why, paths in whole.skipped.items()},
        unparsed=tuple(path for path in whole.unparsed if path not in known),
        single_images=tuple(path for path in whole.single_images if path not in known),
        unreadable={path: why for path, why in whole.unreadable.items() if path not in known},
    )
