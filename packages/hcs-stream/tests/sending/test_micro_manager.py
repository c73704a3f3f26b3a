"""Files of Micro-Manager, of which each is of a set: MMStack and NDTiff."""

import json
import struct
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from hcs_stream.sending import find_images
from hcs_stream.sending._planes import read_planes

Place = tuple[int, int, int, int]
"""Channel, z, timepoint and position."""
CHANNELS = ("DAPI", "GFP")
SUMMARY = {
    "MicroManagerVersion": "1.4.22",
    "Prefix": "exp",
    "Channels": 2,
    "Slices": 2,
    "Frames": 1,
    "Positions": 3,
    "SlicesFirst": True,
    "TimeFirst": False,
}
INDEX = struct.Struct("<5I")
HEADERS = 54773648, 483765892, 99384722, 2355492  # of index, display settings, comments and summary


def write_stack(path: Path, places: Sequence[Place], *, has_index: bool = True) -> None:
    """Write planes as Micro-Manager's MMStack does, each of the grey value `grey`."""
    summary = json.dumps(SUMMARY).encode()
    file = bytearray(struct.pack("<2sHI8I", b"II", 42, 0, *(n for h in HEADERS for n in (h, 0))) + summary)
    struct.pack_into("<I", file, 36, len(summary))
    offsets = write_pages(file, places, [counters(place) for place in places])
    if has_index:
        struct.pack_into("<I", file, 12, len(file))
        rows = b"".join(INDEX.pack(*place, offset) for place, offset in zip(places, offsets, strict=True))
        file += struct.pack("<2I", 3453623, len(places)) + rows
    path.write_bytes(file)


def write_ndtiff(folder: Path, files: Mapping[str, Sequence[Place]]) -> None:
    """Write planes as NDTiff 3 does: several files and one index of all."""
    summary = json.dumps(SUMMARY).encode()
    index = bytearray()
    for name, places in files.items():
        file = bytearray(struct.pack("<2sHI5I", b"II", 42, 0, 483729, 3, 3, 2355492, len(summary)) + summary)
        said = [axes(place) for place in places]
        for offset, beside in zip(write_pages(file, places, said), said, strict=True):
            for text in (json.dumps(beside["Axes"]), name):
                index += struct.pack("<I", len(text)) + text.encode()
            index += struct.pack("<8I", offset + 162, 4, 4, 1, 0, offset + 162 + 32, 2, 0)
        (folder / name).write_bytes(file)
    (folder / "NDTiff.index").write_bytes(index)


def write_pages(file: bytearray, places: Sequence[Place], said: Sequence[object]) -> list[int]:
    """Append pages as Micro-Manager does, the pixels right behind the tags; return where they begin."""
    link, offsets = 4, []
    for place, beside in zip(places, said, strict=True):
        file += bytes(len(file) % 2)
        offset, pixels = len(file), np.full((4, 4), grey(place), "<u2").tobytes()
        start, text = offset + 162, json.dumps(beside).encode() + b"\0"
        tags = [
            *((256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1)),
            *((266, 3, 1, 1), (273, 4, 1, start), (274, 3, 1, 1), (277, 3, 1, 1), (278, 4, 1, 4)),
            *((279, 4, 1, len(pixels)), (284, 3, 1, 1), (51123, 2, len(text), start + len(pixels))),
        ]
        struct.pack_into("<I", file, link, offset)
        file += struct.pack("<H", len(tags)) + b"".join(struct.pack("<2H2I", *tag) for tag in tags)
        link = len(file)
        file += bytes(4) + pixels + text
        offsets.append(offset)
    return offsets


def counters(place: Place) -> dict[str, int]:
    names = ("ChannelIndex", "SliceIndex", "FrameIndex", "PositionIndex")
    return dict(zip(names, place, strict=True))


def axes(place: Place) -> dict[str, dict[str, str | int]]:
    channel, z, _, position = place
    return {"Axes": {"channel": CHANNELS[channel], "z": z, "position": f"A{position + 1}-Site_0"}}


def grey(place: Place) -> int:
    channel, z, timepoint, position = place
    return 1000 * position + 100 * timepoint + 10 * channel + z


def shown(folder: Path) -> list[tuple[int, object, object, object]]:
    """Return of each plane its grey value, and the site, channel and z-plane at which it is shown."""
    planes = [plane for image in find_images([str(folder)]).images for plane in read_planes(image)]
    places = [(said.get("site"), said.get("channel"), said.get("z_index")) for _, said in planes]
    return [(int(pixels[0, 0]), *place) for (pixels, _), place in zip(planes, places, strict=True)]


@pytest.mark.parametrize("has_index", [True, False])
def test_each_position_of_a_set_is_shown_once_and_by_its_own_file(tmp_path: Path, has_index: bool) -> None:
    for position in (0, 1, 2):
        places = [(channel, z, 0, position) for channel, z in product(range(2), range(2))]
        write_stack(tmp_path / f"exp_MMStack_Pos{position}.ome.tif", places, has_index=has_index)

    assert shown(tmp_path) == [
        (1000 * position + 10 * channel + z, f"exp_MMStack_Pos{position}.ome", str(channel + 1), z + 1)
        for position, channel, z in product(range(3), range(2), range(2))
    ]


def test_positions_of_one_plane_each_are_one_image_each(tmp_path: Path) -> None:
    for position in (0, 1, 2):
        write_stack(tmp_path / f"exp_MMStack_Pos{position}.ome.tif", [(0, 0, 0, position)])

    assert [grey for grey, *_ in shown(tmp_path)] == [0, 1000, 2000]


def test_positions_in_one_file_are_sites_of_it_and_no_planes(tmp_path: Path) -> None:
    write_stack(
        tmp_path / "exp_MMStack.ome.tif", [(channel, 0, 0, p) for p in range(2) for channel in range(2)]
    )

    assert shown(tmp_path) == [
        (0, "exp_MMStack.ome", "1", None),
        (10, "exp_MMStack.ome", "2", None),
        (1000, "exp_MMStack.ome (site 2)", "1", None),
        (1010, "exp_MMStack.ome (site 2)", "2", None),
    ]


def test_a_file_of_ndtiff_is_itself_and_not_the_set(tmp_path: Path) -> None:
    first = [(channel, z, 0, 0) for z, channel in product(range(2), range(2))]
    second = [(channel, z, 0, 1) for z, channel in product(range(2), range(2))]

    write_ndtiff(tmp_path, {"exp_NDTiffStack.tif": first, "exp_NDTiffStack_1.tif": second})

    assert shown(tmp_path) == [
        (1000 * number + 10 * channel + z, name, str(channel + 1), z + 1)
        for number, name in enumerate(("exp_NDTiffStack", "exp_NDTiffStack_1"))
        for z, channel in product(range(2), range(2))
    ]
