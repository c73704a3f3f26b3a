"""Images by well, site and so on, without a look at more than is opened."""

from pathlib import Path

import numpy as np
import pytest
from images_to_send import table_of, write_plate, write_single_image

from hcs_stream.manager import _image_tree
from hcs_stream.manager._image_tree import Group, ImageTree


def tree_of(folder: Path) -> ImageTree:
    table = table_of(folder)
    return ImageTree(table, np.arange(len(table), dtype=np.int32))


def texts(tree: ImageTree, group: Group) -> list[str]:
    return [tree.text(child) for child in tree.children(group)]


def test_groups_are_named_after_what_their_images_have_in_common(tmp_path: Path) -> None:
    tree = tree_of(write_plate(tmp_path, ("A01", "B02"), sites=2, planes=2))
    well = tree.children(tree.root)[1]
    site = tree.children(well)[0]

    assert texts(tree, tree.root) == ["A01", "B02"]
    assert texts(tree, well) == ["site 1", "site 2"]
    assert texts(tree, site) == ["z 1", "z 2"]
    assert tree.detail(well) == "4 images"
    assert [tree.is_image(child) for child in tree.children(site)] == [True, True]
    assert tree.detail(tree.children(site)[0]) == "B02_s1_w1_z1_t1.tif"


def test_components_of_one_value_are_no_level(tmp_path: Path) -> None:
    tree = tree_of(write_plate(tmp_path, ("A01", "B02"), channels=2))

    assert tuple(tree.levels) == ("well", "channel")


def test_only_what_is_listed_is_in_it(tmp_path: Path) -> None:
    table = table_of(write_plate(tmp_path, ("A01", "A02", "A03")))

    tree = ImageTree(table, np.array([0, 2], np.int32))

    assert texts(tree, tree.root) == ["A01", "A03"]


def test_images_of_no_plate_are_a_group_of_their_own(tmp_path: Path) -> None:
    write_plate(tmp_path, ("A01",))
    (tmp_path / "overview.tif").write_bytes((tmp_path / "A01_s1_w1_z1_t1.tif").read_bytes())

    tree = tree_of(tmp_path)

    last = tree.children(tree.root)[-1]
    assert tree.text(last) == "no plate"
    assert texts(tree, last) == ["overview.tif"]


def test_planes_of_an_image_of_no_plate_are_in_groups_as_those_of_plates(tmp_path: Path) -> None:
    tree = tree_of(write_single_image(tmp_path / "six.zarr"))

    (no_well,) = tree.children(tree.root)
    channel = tree.children(no_well)[1]

    assert (texts(tree, tree.root), texts(tree, no_well)) == (["no well"], ["Dapi", "LaminB1"])
    assert texts(tree, channel) == ["z 0", "z 1", "z 2"]
    assert tree.detail(tree.children(channel)[0]) == "six.zarr/0"


def test_files_of_no_plate_come_after_the_planes_of_images(tmp_path: Path) -> None:
    write_single_image(tmp_path / "six.zarr")
    write_plate(tmp_path / "other", ("A01",))
    (tmp_path / "other/A01_s1_w1_z1_t1.tif").rename(tmp_path / "an overview.tif")

    tree = tree_of(tmp_path)

    (no_well,) = tree.children(tree.root)
    six, overview = tree.children(no_well)
    assert [tree.text(group) for group in (six, overview)] == ["six", "an overview"]
    assert texts(tree, six) == ["Dapi", "LaminB1"]
    assert texts(tree, overview) == ["an overview.tif"]
    assert tree.detail(tree.children(tree.children(six)[0])[0]) == "six.zarr/0"


def test_many_branches_are_put_into_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_image_tree, "MOST", 2)
    tree = tree_of(write_plate(tmp_path, [f"A{column:02d}" for column in range(1, 6)]))

    parts = tree.children(tree.root)

    assert [tree.text(part) for part in parts] == ["1 – 2", "3 – 4", "5 – 5"]
    assert texts(tree, parts[1]) == ["A03", "A04"]


def test_without_images_there_are_no_groups(tmp_path: Path) -> None:
    table = table_of(write_plate(tmp_path))

    tree = ImageTree(table, np.zeros(0, np.int32))

    assert tree.children(tree.root) == []
