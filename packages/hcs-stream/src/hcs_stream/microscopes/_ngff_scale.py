"""How far apart the pixels of an OME-NGFF image are."""

from ._ngff_metadata import Axis, Multiscale

MICROMETRES = {
    "micrometer": 1.0,
    "micrometre": 1.0,
    "micron": 1.0,
    "um": 1.0,
    "µm": 1.0,
    "μm": 1.0,
    "angstrom": 1e-4,
    "nanometer": 1e-3,
    "nm": 1e-3,
    "millimeter": 1e3,
    "mm": 1e3,
    "meter": 1e6,
    "m": 1e6,
}
"""By OME-NGFF's words, and by abbreviations that some write instead."""


def scale_of(multiscale: Multiscale, axes: list[Axis], name: str) -> float | None:
    """Return the distance of pixels along an axis in µm, or None where it is not said."""
    position = next((place for place, axis in enumerate(axes) if axis.name == name), None)
    unit = None if position is None else MICROMETRES.get(axes[position].unit or "")
    length = None if position is None else _scale(multiscale.datasets[0].scales, position)
    if position is None or unit is None or length is None:
        return None
    return unit * length * (_scale(multiscale.scales, position) or 1)


def _scale(transformations: list[dict[str, object]], position: int) -> float | None:
    for said in transformations:
        scale = said.get("scale")
        if isinstance(scale, list) and position < len(scale) and isinstance(scale[position], int | float):
            return _float(scale[position])
    return None


def _float(number: float) -> float | None:
    try:
        return float(number)
    except OverflowError:  # JSON's integers have no end
        return None
