"""Small plates on disk, and viewers that pipelines stream to."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hcs_stream.microscopes import Plate, open_plate


@pytest.fixture
def make_plate(tmp_path: Path) -> Callable[..., Plate]:
    """Write images as ImageXpress names them: `make_plate(wells, sites=1, channels=1, planes=0)`."""

    def make(
        wells: Sequence[str], *, sites: int = 1, channels: int = 1, planes: int = 0, name: str = "Assay"
    ) -> Plate:
        folder = tmp_path / name
        for well in wells:
            for site in range(1, sites + 1):
                for channel in range(1, channels + 1):
                    for z in range(1, planes + 1) or [0]:
                        below = folder / f"ZStep_{z}" if z else folder
                        below.mkdir(parents=True, exist_ok=True)
                        value = site * 100 + channel * 10 + z
                        image = np.arange(20, dtype="uint16").reshape(4, 5) + np.uint16(value)
                        tifffile.imwrite(below / f"{name}_{well}_s{site}_w{channel}.TIF", image)
        return open_plate(folder)

    return make
