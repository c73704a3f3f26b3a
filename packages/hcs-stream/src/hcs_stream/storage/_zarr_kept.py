"""What a well of a plate still has of an earlier run is removed, when the well was written anew."""

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path

from hcs_protocol import Kind

from ._zarr_arrays import Levels
from ._zarr_fields import group_of, images_in
from ._zarr_places import Place, well_path
from ._zarr_plate import ZarrPlate
from ._zarr_written import At, candidates


def keep_only(plate: ZarrPlate, well: str, images: Iterable[Mapping[str, object]], *, kind: Kind) -> None:
    """Remove all planes of a well but those of these single images, which were written as this kind."""
    kept = _planes_of(plate, images, labels=kind == "labels")
    for group, _ in images_in(plate.folder / well_path(well)):
        if levels := Levels.of(group):
            t, c, z = map(range, levels.extent)
            for at in set(product(t, c, z)).difference(kept.get(group, ())):
                levels.remove(at)


def _planes_of(
    plate: ZarrPlate, images: Iterable[Mapping[str, object]], *, labels: bool
) -> dict[Path, set[At]]:
    """Return where images may lie; writing one has removed it from all of these places but its own."""
    variants = [
        (name, variant) for name, variant in plate.state().variants.items() if variant.labels == labels
    ]
    found: dict[Path, set[At]] = {}
    for place in map(Place.of, images):
        for name, variant in variants:
            group = group_of(plate.folder, place, name, variant)
            single = (written for written in candidates(name, variant, place) if not written.stacked)
            found.setdefault(group, set()).update(at for written in single for at in written.planes)
    return found
