"""Files of an OME set of which each has several planes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hcs_stream.sending import find_images
from hcs_stream.sending._planes import read_planes

OME = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
COMPANION = "plate.companion.ome"
NAMES = "first.ome.tif", "second.ome.tif"


def write(path: Path, greys: Sequence[int], metadata: str) -> None:
    pixels = np.broadcast_to(np.array(greys, "uint8").reshape(-1, 1, 1), (len(greys), 4, 5))
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, description=metadata)


def whole_set(*, order: str = "XYZCT", first: int = 0) -> str:
    """Return metadata of two files of two channels and two z-planes."""
    sizes = 'Type="uint8" SizeX="5" SizeY="4" SizeC="2" SizeZ="2" SizeT="1"'
    images = [
        f'<Image ID="Image:{n}"><Pixels ID="Pixels:{n}" DimensionOrder="{order}" {sizes}>'
        f'<TiffData FirstZ="{first}"><UUID FileName="{name}">urn:uuid:{n}</UUID></TiffData></Pixels></Image>'
        for n, name in enumerate(NAMES)
    ]
    return f"<OME {OME}>{''.join(images)}</OME>"


def binary_only(file: str) -> str:
    return f'<OME {OME}><BinaryOnly MetadataFile="{file}" UUID="urn:uuid:9"/></OME>'


def shown(folder: Path) -> list[tuple[int, object, object, object]]:
    planes = [plane for image in find_images([str(folder)]).images for plane in read_planes(image)]
    places = [(said["site"], said.get("channel"), said.get("z_index")) for _, said in planes]
    return [(int(pixels[0, 0]), *place) for (pixels, _), place in zip(planes, places, strict=True)]


@pytest.mark.parametrize("place", ["each file", "the first", "a companion"])
def test_planes_of_a_file_are_what_the_metadata_of_the_set_say(place: str, tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        elsewhere = COMPANION if place == "a companion" else NAMES[0]
        has_all = place == "each file" or (place == "the first" and number == 0)
        greys = range(10 * number, 10 * number + 4)
        write(tmp_path / name, greys, whole_set() if has_all else binary_only(elsewhere))
    (tmp_path / COMPANION).write_text(whole_set(), encoding="utf-8")

    assert shown(tmp_path) == [
        (10 * number + 2 * channel + z, name.removesuffix(".tif"), str(channel + 1), z + 1)
        for number, name in enumerate(NAMES)
        for channel in (0, 1)
        for z in (0, 1)
    ]


def test_the_order_of_dimensions_is_that_of_the_metadata(tmp_path: Path) -> None:
    write(tmp_path / NAMES[0], range(4), whole_set(order="XYCZT"))

    channels_and_planes = [place[2:] for place in shown(tmp_path)]

    assert channels_and_planes == [("1", 1), ("2", 1), ("1", 2), ("2", 2)]


@pytest.mark.parametrize(
    "metadata",
    [
        binary_only(COMPANION),
        binary_only("../elsewhere.ome"),
        whole_set(first=-1),
        whole_set(first=1 << 31),
        whole_set()[:-9],
    ],
)
def test_metadata_that_cannot_be_used_lose_no_plane(metadata: str, tmp_path: Path) -> None:
    write(tmp_path / NAMES[0], range(4), metadata)

    assert [grey for grey, *_ in shown(tmp_path)] == [0, 1, 2, 3]
