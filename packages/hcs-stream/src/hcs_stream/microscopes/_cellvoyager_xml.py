"""CellVoyager's files beside the images: settings (.mes), detail (.mrf) and one record an image (.mlf)."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ._grammar import Description, Wanted
from ._wells import number, well_at
from ._xml import Attributes, attributes, elements, real

_BAND = re.compile(r"BP([0-9]+)/[0-9]+", re.IGNORECASE)  # centre and width of what a filter lets pass, in nm


def read_measurement(files: Sequence[Path], wanted: Wanted) -> Description:
    """Read channels, pixel size and distance of planes; the records only if the settings leave it open."""
    unread: list[Path] = []
    channels: dict[str, str] = {}
    wavelengths: dict[str, float] = {}
    z_step: float | None = None
    pixel_size, settings = _detail(files, unread)
    used = [path for path in files if path.name == settings]
    for tag, said in _said(used or files, ".mes", ("Channel", "ActionAcquire3D"), unread):
        if tag == "ActionAcquire3D":
            z_step = z_step or real(said.get("SliceLength"))
        elif (channel := said.get("Ch", "")).isdecimal():
            if name := said.get("Fluorophore") or said.get("Acquisition"):
                channels[number(channel)] = name
            if band := _BAND.match(said.get("Acquisition", "")):
                wavelengths[number(channel)] = float(band[1])
    if wanted.has_stacks:
        z_step = z_step or _distance(files, unread)
    return Description(
        channels=channels,
        wavelengths=wavelengths,
        pixel_size=pixel_size,
        z_step=z_step if wanted.has_stacks else None,
        unread=tuple(unread),
    )


def read_places(files: Sequence[Path]) -> dict[tuple[str, int], tuple[float, float]]:
    """Read where each field lies, from the records of its images."""
    found: dict[tuple[str, int], tuple[float, float]] = {}
    for _, said in _said(files, ".mlf", ("MeasurementRecord",), []):
        row, column, field = (said.get(part, "") for part in ("Row", "Column", "FieldIndex"))
        y, x = real(said.get("Y")), real(said.get("X"))
        if not (row + column + field).isdecimal() or y is None or x is None:
            continue
        if well := well_at(row, column):
            found.setdefault((well, int(field)), (y, x))
    return found


def _detail(files: Sequence[Path], unread: list[Path]) -> tuple[tuple[float, float] | None, str]:
    """Return the pixel size, and the name of the settings file that was used."""
    pixel_size, settings = None, ""
    for tag, said in _said(files, ".mrf", ("MeasurementDetail", "MeasurementChannel"), unread):
        if tag == "MeasurementDetail":
            settings = said.get("MeasurementSettingFileName", "")
        elif pixel_size is None:
            height, width = (real(said.get(f"{way}PixelDimension")) for way in ("Vertical", "Horizontal"))
            pixel_size = (height, width) if height and width else None
    return pixel_size, settings


def _distance(files: Sequence[Path], unread: list[Path]) -> float | None:
    first: dict[tuple[str | None, ...], tuple[int, float]] = {}
    for _, said in _said(files, ".mlf", ("MeasurementRecord",), unread):
        plane, z = said.get("ZIndex", ""), real(said.get("Z"))
        if z is None or not plane.isdecimal():
            continue
        stack = tuple(said.get(part) for part in ("Row", "Column", "FieldIndex", "TimePoint", "Ch"))
        lowest, z_of_lowest = first.setdefault(stack, (int(plane), z))
        if int(plane) != lowest and z != z_of_lowest:
            return round(abs((z - z_of_lowest) / (int(plane) - lowest)), 6)
    return None


def _said(
    files: Sequence[Path], ending: str, tags: tuple[str, ...], unread: list[Path]
) -> Iterator[tuple[str, Attributes]]:
    for path in files:
        if path.name.lower().endswith(ending):
            for tag, element in elements(path, tags, unread):
                yield tag, attributes(element)
