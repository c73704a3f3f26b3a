"""Files of a plate that have several planes each."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from hcs_stream.microscopes import Plate, open_plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, Step, UnknownChannelError
from hcs_stream.sending import find_images

Pixels = Any
SILENT = PipelineConfig()


def a_plate(
    folder: Path, axes: str, *shape: int, wells: tuple[str, ...] = ("A01", "B02"), **how: Any
) -> Plate:
    """Write one file a well, of planes of one grey value each, from 0."""
    folder.mkdir()
    planes = np.arange(np.prod(shape), dtype="uint16").reshape(*shape, 1, 1)
    for well in wells:
        pixels = np.broadcast_to(planes, (*shape, 4, 5))
        name = folder / f"{well}_s1.tif"
        tifffile.imwrite(name, pixels, metadata={"axes": f"{axes}YX"}, photometric="minisblack", **how)
    return open_plate(folder)


def addresses(folder: Path) -> set[tuple[object, ...]]:
    parts = ("well", "site", "channel", "z_index", "timepoint")
    return {tuple(image.keywords.get(part) for part in parts) for image in find_images([str(folder)]).images}


def same(image: Pixels) -> Pixels:
    return image


class Seen:
    """A function that remembers what it got."""

    def __init__(self) -> None:
        self.got: list[Pixels] = []

    def __call__(self, image: Pixels) -> Pixels:
        self.got.append(image)
        return image


def test_each_plane_of_a_stack_goes_through_the_steps(tmp_path: Path) -> None:
    plate = a_plate(tmp_path / "plate", "Z", 3)

    report = Pipeline([Step(same)], SILENT).run(plate, tmp_path / "out", executor="serial")

    assert (report.failures, report.images_saved) == ({}, 6)
    wanted = {(well, 1, "1", z, None) for well in ("A01", "B02") for z in (1, 2, 3)}
    assert addresses(tmp_path / "out") == wanted


@pytest.mark.parametrize("how", [{"imagej": True}, {"ome": True}, {}])
def test_volumes_of_a_file_with_channels_and_timepoints_come_plane_upon_plane(
    how: dict[str, bool], tmp_path: Path
) -> None:
    plate = a_plate(tmp_path / "plate", "TZC", 2, 3, 2, wells=("A01",), **how)
    seen = Seen()

    report = Pipeline([Step(seen, group_by="z_index")], SILENT).run(plate, executor="serial")

    assert report.failures == {}
    assert [volume[:, 0, 0].tolist() for volume in seen.got] == [[0, 2, 4], [1, 3, 5], [6, 8, 10], [7, 9, 11]]


def test_sites_of_several_stacks_are_one_array_for_each_plane(tmp_path: Path) -> None:
    (tmp_path / "plate").mkdir()
    for site in (1, 2):
        planes = np.full((3, 4, 5), 10 * site, "uint16") + np.arange(3, dtype="uint16").reshape(3, 1, 1)
        tifffile.imwrite(tmp_path / "plate" / f"A01_s{site}.tif", planes, photometric="minisblack")
    seen = Seen()

    Pipeline([Step(seen, group_by="site")], SILENT).run(tmp_path / "plate", executor="serial")

    assert [sites[:, 0, 0].tolist() for sites in seen.got] == [[10, 20], [11, 21], [12, 22]]


def test_channels_that_lie_in_one_pixel_go_through_the_steps_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "plate").mkdir()
    pixels = np.broadcast_to(np.arange(2, dtype="uint8"), (4, 5, 2))
    tifffile.imwrite(
        tmp_path / "plate" / "A01_s1.tif", pixels, photometric="minisblack", planarconfig="contig"
    )

    report = Pipeline([Step(same)], SILENT).run(tmp_path / "plate", tmp_path / "out", executor="serial")

    assert report.failures == {}
    assert addresses(tmp_path / "out") == {("A01", 1, channel, None, None) for channel in "12"}


def test_a_step_may_be_for_a_channel_that_only_the_files_say(tmp_path: Path) -> None:
    plate = a_plate(tmp_path / "plate", "C", 2, wells=("A01",))
    seen = Seen()

    Pipeline([Step({"2": seen})], SILENT).run(plate, executor="serial")

    assert [image.max() for image in seen.got] == [1]
    with pytest.raises(UnknownChannelError, match="channels of the plate, 1, 2, found '3'"):
        Pipeline([Step({"3": same}, "third")], SILENT).run(plate, executor="serial")


def test_a_stack_that_cannot_be_read_fails_its_well_alone(tmp_path: Path) -> None:
    plate = a_plate(tmp_path / "plate", "Z", 3)
    cut = tmp_path / "plate" / "A01_s1.tif"
    cut.write_bytes(cut.read_bytes()[:-20])

    report = Pipeline([Step(same)], SILENT).run(plate, tmp_path / "out", executor="serial")

    assert list(report.failures) == ["A01"]
    assert "cut off" in report.failures["A01"]
