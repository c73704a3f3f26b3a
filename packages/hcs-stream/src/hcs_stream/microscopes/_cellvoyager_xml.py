"""CellVoyager's files beside the images: settings (.mes), detail (.mrf) and one record an image (.mlf)."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ._grammar import Description, Wanted
from ._wells import number
from ._xml import Attributes, attributes, elements, real

_BAND = re.compile(r"BP([0-9]+)/[0-9]+", re.IGNORECASE)  # centre and width of what a filter lets pass, in nm


def read_measurement(files: Sequence[Path], wanted: Wanted) -> Description:
    """Read channels, pixel size and distance of planes; the records only if the settings leave it open."""
    unread: list[Path] = []
    channels: dict[str, str] = {}
    wavelengths: dict[str, float] = {}
    z_step: float | None = None
    for tag, said in _said(files, ".mes", ("Channel", "ActionAcquire3D"), unread):
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
        pixel_size=_pixel_size(files, unread),
        z_step=z_step if wanted.has_stacks else None,
        unread=tuple(unread),
    )


def _pixel_size(files: Sequence[Path], unread: list[Path]) -> tuple[float, float] | None:
    for _, said in _said(files, ".mrf", ("MeasurementChannel",), unread):
        height, width = (real(said.get(f"{way}PixelDimension")) for way in ("Vertical", "Horizontal"))
        if height and width:
            return height, width
    return None


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
