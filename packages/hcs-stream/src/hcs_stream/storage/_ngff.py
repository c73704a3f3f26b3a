"""OME-NGFF metadata of plates, 0.4 and 0.5, as JSON documents; no array library needed.

Source: https://ngff.openmicroscopy.org/0.4 and /0.5, sections "plate", "well", "multiscales",
and, transitional, "omero".
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from hcs_protocol import natural_key

Version: TypeAlias = Literal["0.4", "0.5"]
VERSIONS: tuple[Version, ...] = ("0.4", "0.5")
Json: TypeAlias = dict[str, Any]

AXES: tuple[Json, ...] = (
    {"name": "t", "type": "time"},
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space"},
    {"name": "y", "type": "space"},
    {"name": "x", "type": "space"},
)
COLOURS = ("00FFFF", "FF00FF", "FFFF00", "00FF00", "FF0000", "0000FF", "FFFFFF")
"""Of channels whose own is not known, in turn."""
WINDOWS = {"bool": 1, "uint8": 255, "uint16": 65535}
"""The greatest grey value of what has a small one."""


def plate_document(
    version: Version, name: str, wells: Sequence[str], declared: Sequence[str], fields: int
) -> Json:
    """Return the attributes of a plate's group.

    Args:
        version: Of the format.
        name: The plate's.
        wells: Paths of the wells that are there, ``"B/03"``.
        declared: Wells that there may be; their rows and columns are listed too.
        fields: The greatest number of fields in a well.
    """
    places = [well.split("/") for well in {*wells, *declared}]
    rows = sorted({row for row, _ in places}, key=lambda row: (len(row), row))
    columns = sorted({column for _, column in places}, key=natural_key)
    plate: Json = {
        "name": name,
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {"path": f"{row}/{column}", "rowIndex": rows.index(row), "columnIndex": columns.index(column)}
            for row, column in sorted(
                (well.split("/") for well in wells), key=lambda at: _place(at, rows, columns)
            )
        ],
        "field_count": max(fields, 1),
    }
    return document(version, {"plate": plate}, "plate")


def well_document(version: Version, fields: Sequence[str]) -> Json:
    """Return the attributes of a well's group."""
    return document(
        version, {"well": {"images": [{"path": path} for path in sorted(fields, key=natural_key)]}}, "well"
    )


def image_document(
    version: Version,
    *,
    name: str,
    zooms: Sequence[tuple[float, float]],
    pixel_size: tuple[float, float] | None,
    z_step: float | None,
    channels: Sequence[Json],
    labels: str | None,
) -> Json:
    """Return the attributes of an image's group.

    Args:
        version: Of the format.
        name: The image's.
        zooms: How many pixels of the image a pixel of each level is high and wide.
        pixel_size: Height and width of a pixel of the image in micrometres, if they are known.
        z_step: Distance of two planes in micrometres, if it is known.
        channels: From `channel`.
        labels: Where the image lies whose objects the pixels number, empty if nowhere; None for no labels.
    """
    height, width = pixel_size or (1.0, 1.0)
    lengths = {"z": z_step, "y": pixel_size, "x": pixel_size}
    axes = [{**axis, **({"unit": "micrometer"} if lengths.get(axis["name"]) else {})} for axis in AXES]
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": [1.0, 1.0, z_step or 1.0, height * y, width * x]}
            ],
        }
        for level, (y, x) in enumerate(zooms)
    ]
    multiscale: Json = {"name": name, "axes": axes, "datasets": datasets}
    content: Json = {"multiscales": [multiscale]}
    if labels is not None:
        content["image-label"] = {"source": {"image": labels}} if labels else {}
    else:
        content["omero"] = {"channels": list(channels), "rdefs": {"model": "color"}}
    return document(version, content, "multiscales")


def channel(
    place: int, label: str, dtype: str, wavelength: float | None, limits: tuple[float, float] | None
) -> Json:
    """Return what ``omero`` says of one channel.

    Args:
        place: On the axis c.
        label: The channel's name.
        dtype: Of the pixels.
        wavelength: Of its light in nanometres.
        limits: The grey values to draw as black and white; else all that the dtype has.
    """
    greatest = WINDOWS.get(dtype, 65535 if "int" in dtype else 1)
    start, end = limits or (0, greatest)
    described: Json = {
        "label": label,
        "color": _COLOUR_OF.get(label.rpartition(" ")[2].lower()) or COLOURS[place % len(COLOURS)],
        "active": True,
        "window": {"min": min(0, start), "max": max(greatest, end), "start": start, "end": end},
    }
    return described if wavelength is None else {**described, "emissionWavelength": wavelength}


_COLOUR_OF = {"red": "FF0000", "green": "00FF00", "blue": "0000FF", "dapi": "0000FF", "gfp": "00FF00"}


def document(version: Version, content: Json, key: str) -> Json:
    """Return a group's attributes: in 0.5 below ``ome``; in both what it is, ``key``, says its version."""
    of_key = content[key]
    if isinstance(of_key, list):
        versioned: object = [{"version": version, **each} for each in of_key] if version == "0.4" else of_key
    else:
        versioned = {"version": version, **of_key}
    versioned_content = {**content, key: versioned}
    return versioned_content if version == "0.4" else {"ome": {"version": version, **versioned_content}}


def content_of(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is below ``ome`` in 0.5, and on top in 0.4."""
    found = attributes.get("ome", attributes)
    return found if isinstance(found, Mapping) else {}


def _place(at: Sequence[str], rows: Sequence[str], columns: Sequence[str]) -> tuple[int, int]:
    return rows.index(at[0]), columns.index(at[1])
