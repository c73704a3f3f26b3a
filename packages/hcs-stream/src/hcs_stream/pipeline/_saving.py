"""What the steps make of one well, kept in the run's output."""

import logging
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from hcs_protocol import COMPONENTS, Components, FileRef, HcsError, normalise_well
from hcs_stream._plate_runs import components_of, values_of
from hcs_stream.microscopes import Plate
from hcs_stream.storage import FileManager, ZarrOutput

from ._images import Images
from ._job import Job
from ._output import Output
from ._step import Step
from ._well import Well

logger = logging.getLogger(__name__)

LETTERS = (("site", "_s"), ("channel", "_w"), ("z_index", "_z"), ("timepoint", "_t"))


def begin_plates(job: Job, plate: Plate) -> None:
    """Make the places of results, as far as it is known what they are going to be."""
    for name, number, step, folder in _folders(job, plate):
        if _as_files(step):
            FileManager().ensure_directory(folder)
            continue
        grouped = {component for earlier in job.steps[:number] for component in earlier.axes}
        images = (components_of(image) for image in plate.images if image.plate == name)
        unsaid = grouped | job.said_inside  # of what is grouped, functions may make one of several
        values = values_of(images, unsaid)
        _plates(job.run, folder.parent, name).declare(
            step=(number, step.name),
            wells=values["well"],
            channels=values["channel"],
            z_indexes=values["z_index"],
            timepoints=values["timepoint"],
            pixel_size=job.lengths_of(name).pixel_size,
            z_step=job.lengths_of(name).z_step,
            wavelengths=job.wavelengths,
        )


def finish_plates(job: Job, plate: Plate) -> tuple[str, ...]:
    """Make plates whole after the last well, or after a run that was interrupted; return what went wrong."""
    troubles: list[str] = []
    for folder in dict.fromkeys(folder.parent for _, _, _, folder in _folders(job, plate)):
        try:
            if folder.is_dir():
                ZarrOutput(folder).finalise()
        except (HcsError, OSError) as error:
            troubles.append(f"results are not whole, run again with resume=True: {error}")
            logger.error("plates not whole folder=%s error=%s", folder, error)
    return tuple(troubles)


class Saver:
    """Keeps results: those of a step in an OME-NGFF plate, or as TIFF files."""

    def __init__(self, job: Job, well: Well) -> None:
        self._job = job
        self._well = well
        self._lengths = job.lengths_of(well.plate)
        self._output = job.output
        self._files = FileManager()
        self._places: dict[Path, None] = {}
        self._again: dict[int, list[dict[str, object]]] = {}
        """What was kept now by steps, counted from 1, on whose plates the well is already."""
        self.saved = 0
        """Images that were kept."""
        if self._output:
            self._output.begin(well)
            plates = ((number, folder) for number, step, folder in self._steps() if not _as_files(step))
            self._again = {number: [] for number, folder in plates if (folder / _of_well(well.name)).exists()}

    def keeps(self, step: Step) -> bool:
        """Say whether a step's results are kept."""
        return self._output is not None and bool(step.materialise)

    def save(self, number: int, step: Step, images: Sequence[Images]) -> list[FileRef | None]:
        """Keep single images; return for each where a viewer of this machine can read it."""
        if self._output is None:
            return [None] * len(images)
        folder = self._output.of_step(self._well.plate, number, step)
        if _as_files(step):
            paths = [folder / f"{file_name(self._output, image.components)}.tif" for image in images]
            self._output.note(self._well, paths)  # first: a run that is killed is replaced by the next
            self._places.update(dict.fromkeys(paths))
            found = self._to_files(folder, step, images, paths)
        else:
            self._places[folder / _of_well(self._well.name)] = None
            plates = _plates(self._job.run, folder.parent, self._well.plate)
            found = [self._on_plate(plates, number, step, image) for image in images]
        self.saved += len(images)
        return found

    def finish(self) -> None:
        """Write down that all of the well is kept; what earlier runs of these steps made of it goes."""
        if self._output is None:
            return
        for number, step, folder in self._steps():
            if number in self._again:
                plates, images = _plates(self._job.run, folder.parent, self._well.plate), self._again[number]
                plates.keep_only(images, well=self._well.name, step=(number, step.name), kind=step.kind)
        files = [folder for _, step, folder in self._steps() if _as_files(step)]
        self._output.finish(self._well, self.saved, self._places, files)

    def _steps(self) -> Iterator[tuple[int, Step, Path]]:
        return _kept_steps(self._job, self._well.plate)

    def _on_plate(self, plates: ZarrOutput, number: int, step: Step, image: Images) -> FileRef | None:
        address: dict[str, object] = {name: image.components.value(name) for name in COMPONENTS}
        if number in self._again:
            self._again[number].append(address)
        return plates.write(
            address,
            image.array,
            step=(number, step.name),
            kind=step.kind,
            pixel_size=self._lengths.pixel_size,
            z_step=self._lengths.z_step,
            emission_wavelength=self._job.wavelengths.get(str(image.components.channel)),
        )

    def _to_files(
        self, folder: Path, step: Step, images: Sequence[Images], paths: Sequence[Path]
    ) -> list[FileRef | None]:
        self._files.ensure_directory(folder)
        return [
            self._files.save(
                image.array,
                path,
                "disk",
                kind=step.kind,
                pixel_size=self._lengths.pixel_size,
                z_step=self._lengths.z_step,
            )
            for image, path in zip(images, paths, strict=True)
        ]


def _as_files(step: Step) -> bool:
    return step.materialise == "disk"


def _of_well(name: str) -> Path:
    """Return where a well is on an OME-NGFF plate: ``B/03``."""
    spelled = normalise_well(name)
    row = spelled.rstrip("0123456789")
    return Path(row, spelled.removeprefix(row))


def file_name(output: Output, components: Components) -> str:
    """Return a name that tells images of a plate apart: ``B03_s1_wDAPI_z2``."""
    values = ((letter, components.value(name)) for name, letter in LETTERS)
    said = [(letter, str(value)) for letter, value in values if value is not None]
    name = f"{components.well}{''.join(map(''.join, said))}"
    return output.fit(name, str(components.well), *(value for _, value in said))


def _folders(job: Job, plate: Plate) -> Iterator[tuple[str, int, Step, Path]]:
    """Yield where the results of each plate and step go that are kept."""
    for name in dict.fromkeys(image.plate for image in plate.images):
        yield from ((name, *kept) for kept in _kept_steps(job, name))


def _kept_steps(job: Job, plate: str) -> Iterator[tuple[int, Step, Path]]:
    for number, step in enumerate(job.steps, start=1):
        if job.output and step.materialise:
            yield number, step, job.output.of_step(plate, number, step)


@lru_cache(64)
def _plates(run: str, folder: Path, plate: str) -> ZarrOutput:
    """Return where the results of a plate go, the same for all wells of a run in this process."""
    return ZarrOutput(folder, source=plate)
