"""What it takes to recognise the names of a plate's images, against listing them."""

from typing import cast

import parse
from lanes.places import Places

from .pipeline_extent import PipelineExtent
from .report import Report


def measure_parsing(report: Report, places: Places, extent: PipelineExtent) -> None:
    """Note ``parse_100k_x_scandir``, and ``iterated_x_scandir``."""
    found = parse.measure(places.disk / "names", quick=not extent.all_names)
    for key in ("parse_100k_x_scandir", "iterated_x_scandir"):
        report.ratios[key] = cast("float", found[key])
