"""Where a run keeps results, and what it writes down of wells that are done."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from hcs_protocol import new_id
from hcs_stream.storage import plate_name

from ._step import Step
from ._well import Well

DONE = ".hcs-done"
_UNFIT = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
"""What names of files cannot have, on one system or another."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Says that all of a well is kept."""

    fingerprint: str
    images_saved: int
    places: tuple[str, ...] = ()
    """Files, and folders of wells, in which the images are, below the plate's."""


class Output(msgspec.Struct, frozen=True):
    """The folder of a run's results."""

    folder: Path

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> "Output":
        """Return the output at a path, which need not be there yet; ``~`` is the user's home."""
        return cls(Path(os.path.abspath(os.path.expanduser(path))))

    def of_plate(self, plate: str) -> Path:
        """Return the folder of all results of a plate."""
        return self.folder / fit(plate)

    def of_step(self, plate: str, number: int, step: Step) -> Path:
        """Return the folder of a step's results of a plate: an OME-NGFF plate, or one of files."""
        name = plate_name((number, step.name))
        return self.of_plate(plate) / (name.removesuffix(".zarr") if step.materialise == "disk" else name)

    def has(self, well: Well, steps: Iterable[Step]) -> bool:
        """Say whether all that these steps make of a well is kept, and would be the same today."""
        try:
            found = msgspec.json.decode(self._marker(well).read_bytes(), type=Done)
        except (OSError, msgspec.MsgspecError):
            return False
        kept = [(number, step) for number, step in enumerate(steps, start=1) if step.materialise]
        folders = [self.of_step(well.plate, number, step) for number, step in kept]
        files = [self.of_plate(well.plate) / place for place in found.places]
        return found.fingerprint == well.fingerprint and all(path.exists() for path in (*folders, *files))

    def begin(self, well: Well) -> None:
        """Forget that a well was done: its results are about to be replaced."""
        self._marker(well).unlink(missing_ok=True)

    def finish(self, well: Well, done: Done) -> None:
        """Write down, all at once, that a well is done."""
        marker = self._marker(well)
        marker.parent.mkdir(parents=True, exist_ok=True)
        new = marker.with_name(f"{marker.name}.{new_id()}.new")
        with open(new, "wb") as file:
            file.write(msgspec.json.encode(done))
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, marker)

    def _marker(self, well: Well) -> Path:
        return self.of_plate(well.plate) / DONE / f"{fit(well.name)}.json"


def fit(name: str) -> str:
    """Return a name that every file system takes."""
    return _UNFIT.sub("_", name).strip(" .") or "_"
