"""What is chosen of files that have several planes each."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from hcs_stream.config import ChannelFilter
from hcs_stream.sending import Choice, choose, find_images, number_filter, read_planes

ONLY_2 = ChannelFilter(("2",))
Chosen = list[tuple[object, object, object]]


def a_plate(folder: Path, *names: str) -> Path:
    """Write files of two channels and three planes each."""
    for name in names:
        planes = np.arange(6, dtype="uint8").reshape(3, 2, 1, 1)
        pixels = np.broadcast_to(planes, (3, 2, 4, 5))
        tifffile.imwrite(folder / name, pixels, metadata={"axes": "ZCYX"}, photometric="minisblack")
    return folder


def chosen(folder: Path, choice: Choice) -> Chosen:
    images = choose(find_images([str(folder)]), choice)
    planes = [
        plane
        for image in images
        for plane in read_planes(image, lambda of, plane: choice.accepts_plane(of.keywords, plane))
    ]
    return [(said["well"], said["channel"], said["z_index"]) for _, said in planes]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (Choice(z_indexes=number_filter("2")), [("A01", "1", 2), ("A01", "2", 2)]),
        (Choice(channels=ONLY_2), [("A01", "2", 1), ("A01", "2", 2), ("A01", "2", 3)]),
        (Choice(channels=ONLY_2, z_indexes=number_filter("3-")), [("A01", "2", 3)]),
        (Choice(z_indexes=number_filter("none")), []),
        (Choice(sites=number_filter("2"), z_indexes=number_filter("1")), []),
    ],
)
def test_planes_of_a_file_are_chosen_by_what_they_are(choice: Choice, wanted: Chosen, tmp_path: Path) -> None:
    assert chosen(a_plate(tmp_path, "A01_s1.tif"), choice) == wanted


def test_what_a_name_says_holds_for_all_planes_of_its_file(tmp_path: Path) -> None:
    a_plate(tmp_path, "A01_s1_w2.tif", "A01_s1_w3.tif")

    found = chosen(tmp_path, Choice(channels=ONLY_2, z_indexes=number_filter("1")))

    assert found == [("A01", "2 (channel 1)", 1), ("A01", "2 (channel 2)", 1)]


def test_what_files_say_of_their_planes_is_known_when_none_is_chosen(tmp_path: Path) -> None:
    found = find_images([str(a_plate(tmp_path, "A01_s1.tif"))])

    assert choose(found, Choice(z_indexes=number_filter("9"))) == []
    assert {said["z_index"] for said in found.inside} == {1, 2, 3}
