"""Where a run keeps results, and what it writes down of wells: which are done, and where all of it lies."""

import os
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from hcs_protocol import new_id
from hcs_stream.microscopes import ImageFile
from hcs_stream.storage import plate_name

from ._step import Step
from ._well import Well

DONE = ".hcs-done"
NAMED = ("plate", "well", "site", "channel")
"""What names of files and folders say in words."""
_UNFIT = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
"""What names of files cannot have, on one system or another."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Says that all of a well is kept."""

    fingerprint: str
    images_saved: int
    places: tuple[str, ...] = ()
    """Files, and folders of wells, in which the images are, below the plate's."""
    others: tuple[str, ...] = ()
    """Those in which other steps kept images in earlier runs."""


class Output(msgspec.Struct, frozen=True):
    """The folder of a run's results."""

    folder: Path
    alike: frozenset[str] = frozenset()
    """Names of plates, wells, sites and channels that are others' in another case."""

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> "Output":
        """Return the output at a path, which need not be there yet; ``~`` is the user's home."""
        return cls(Path(os.path.abspath(os.path.expanduser(path))))

    def of_images(self, images: Iterable[ImageFile]) -> "Output":
        """Return the same for these images: some file systems take ``DAPI`` and ``dapi`` for one name."""
        names = {(part, str(getattr(image, part))) for image in images for part in NAMED}
        count = Counter((part, name.casefold()) for part, name in names)
        alike = frozenset(name for part, name in names if count[part, name.casefold()] > 1)
        return msgspec.structs.replace(self, alike=alike)

    def of_plate(self, plate: str) -> Path:
        """Return the folder of all results of a plate."""
        return self.folder / self.fit(plate)

    def of_step(self, plate: str, number: int, step: Step) -> Path:
        """Return the folder of a step's results of a plate: an OME-NGFF plate, or one of files."""
        name = plate_name((number, step.name))
        return self.of_plate(plate) / (name.removesuffix(".zarr") if step.materialise == "disk" else name)

    def has(self, well: Well, steps: Iterable[Step]) -> bool:
        """Say whether all that these steps make of a well is kept, and would be the same today."""
        found = self._done(well)
        if found is None or found.fingerprint != well.fingerprint:
            return False
        kept = [(number, step) for number, step in enumerate(steps, start=1) if step.materialise]
        folders = [self.of_step(well.plate, number, step) for number, step in kept]
        files = [self.of_plate(well.plate) / place for place in found.places]
        return all(path.exists() for path in (*folders, *files))

    def begin(self, well: Well) -> None:
        """Forget that a well was done, not where its results are: they are about to be replaced."""
        if found := self._done(well):
            self._note(well, (*found.places, *found.others))
        self._marker(well).unlink(missing_ok=True)

    def note(self, well: Well, paths: Iterable[Path]) -> None:
        """Write down where images of a well are going to be, before they are."""
        self._note(well, self._places(well, paths))

    def finish(
        self, well: Well, images_saved: int, paths: Iterable[Path], steps_of_files: Collection[Path]
    ) -> None:
        """Write down, all at once, that a well is done; remove files of it that only earlier runs kept.

        Args:
            well: Whose results are kept.
            images_saved: How many.
            paths: Files, and folders of wells, in which they are.
            steps_of_files: The folders of steps whose older files go; those of all others stay.
        """
        places = self._places(well, paths)
        others = self._remove_older(well, places, steps_of_files)
        marker = self._marker(well)
        marker.parent.mkdir(parents=True, exist_ok=True)
        new = marker.with_name(f"{marker.name}.{new_id()}.new")
        with open(new, "wb") as file:
            done = Done(fingerprint=well.fingerprint, images_saved=images_saved, places=places, others=others)
            file.write(msgspec.json.encode(done))
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, marker)
        self._notes(well).unlink(missing_ok=True)

    def _remove_older(
        self, well: Well, places: Iterable[str], steps_of_files: Collection[Path]
    ) -> tuple[str, ...]:
        """Return where other steps keep images of the well."""
        kept = {place.casefold() for place in places}  # some file systems take the other case for the same
        others = []
        for place in self._noted(well):
            path = self.of_plate(well.plate) / place
            if place.casefold() in kept:
                continue
            if path.parent in steps_of_files:
                path.unlink(missing_ok=True)
            else:
                others.append(place)
        return tuple(others)

    def _places(self, well: Well, paths: Iterable[Path]) -> tuple[str, ...]:
        below = self.of_plate(well.plate)
        return tuple(path.relative_to(below).as_posix() for path in paths)

    def _note(self, well: Well, places: Iterable[str]) -> None:
        notes = self._notes(well)
        notes.parent.mkdir(parents=True, exist_ok=True)
        with open(notes, "ab") as file:
            file.write(b"".join(os.fsencode(place) + b"\n" for place in places))

    def _noted(self, well: Well) -> Iterable[str]:
        try:
            lines = self._notes(well).read_bytes().split(b"\n")
        except FileNotFoundError:
            return ()
        return dict.fromkeys(os.fsdecode(line) for line in lines[:-1])

    def _done(self, well: Well) -> Done | None:
        try:
            return msgspec.json.decode(self._marker(well).read_bytes(), type=Done)
        except (OSError, msgspec.MsgspecError):
            return None

    def _notes(self, well: Well) -> Path:
        return self._marker(well).with_suffix(".places")

    def _marker(self, well: Well) -> Path:
        return self.of_plate(well.plate) / DONE / f"{self.fit(well.name)}.json"

    def fit(self, name: str, *parts: str) -> str:
        """Return a name that every file system takes, and that no other one gets.

        Args:
            name: As it was wanted.
            parts: The names of plates, wells, sites and channels in it, if it is none itself.
        """
        safe = _UNFIT.sub("_", name).strip(" .") or "_"
        is_unlike = self.alike.isdisjoint(parts or (name,))
        checksum = zlib.crc32(name.encode(errors="surrogatepass"))
        return name if safe == name and is_unlike else f"{safe}-{checksum:08x}"
