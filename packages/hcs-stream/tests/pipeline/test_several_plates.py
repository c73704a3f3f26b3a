"""Several plates below one folder, which need not have been imaged alike."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from hcs_stream.microscopes import Lengths, open_plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, Step

SILENT = PipelineConfig()
INDEX = """<Data><Plates><Plate><Name>{name}</Name></Plate></Plates><Images><Image><ChannelID>1</ChannelID>
<ImageResolutionX Unit="um">{size}</ImageResolutionX><ImageResolutionY Unit="um">{size}</ImageResolutionY>
</Image></Images></Data>"""


def same(image: Any) -> Any:
    return image


def a_measurement(folder: Path, name: str, size: float | str) -> None:
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "r01c01f01p01-ch1.tiff", np.ones((4, 5), "uint16"))
    (folder / "Index.idx.xml").write_text(INDEX.format(name=name, size=size))


def test_each_plate_keeps_its_own_pixel_size(tmp_path: Path) -> None:
    a_measurement(tmp_path / "plates" / "a" / "Images", "at 20x", 0.6)
    a_measurement(tmp_path / "plates" / "b" / "Images", "at 40x", 0.3)
    a_measurement(tmp_path / "plates" / "c" / "Images", "at some", "unknown")
    plate = open_plate(tmp_path / "plates")

    report = Pipeline([Step(same)], SILENT).run(plate, tmp_path / "out", executor="serial")

    assert report.failures == {}
    sizes = {path.name: open_plate(path).pixel_size for path in (tmp_path / "out").iterdir()}
    assert sizes == {"at 20x": (0.6, 0.6), "at 40x": (0.3, 0.3), "at some": None}
    assert plate.lengths["at 40x"] == Lengths((0.3, 0.3))


def test_plates_without_metadata_say_their_pixel_size_in_their_own_images(tmp_path: Path) -> None:
    for name, size in (("a", 0.6), ("b", 0.3)):
        (tmp_path / name).mkdir()
        said = (
            '<MetaData><PlaneInfo><prop id="spatial-calibration-state" type="bool" value="on"/>'
            f'<prop id="spatial-calibration-x" type="float" value="{size}"/>'
            f'<prop id="spatial-calibration-y" type="float" value="{size}"/>'
            '<prop id="spatial-calibration-units" type="string" value="um"/></PlaneInfo></MetaData>'
        )
        path = tmp_path / name / f"{name}_A01_s1_w1.TIF"
        tifffile.imwrite(
            path, np.ones((4, 5), "uint16"), description=said, software="MetaSeries", metadata=None
        )

    found = open_plate(tmp_path).lengths

    assert found == {"a": Lengths((0.6, 0.6)), "b": Lengths((0.3, 0.3))}
