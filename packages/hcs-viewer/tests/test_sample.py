"""The sample plate is small, has cells in it, and is the same each time."""

import numpy as np

from hcs_viewer._sample import SIDE, sample_plate


def test_it_has_two_channels_of_two_wells_with_two_sites() -> None:
    layers = sample_plate()

    assert [options["name"][:4] for _, options, _ in layers] == ["DAPI", "FITC"]
    assert {images.shape for images, _, _ in layers} == {(2, 2, SIDE, SIDE)}
    assert {kind for _, _, kind in layers} == {"image"}


def test_the_second_well_is_more_crowded_and_no_two_sites_are_alike() -> None:
    (nuclei, _, _), _ = sample_plate()

    first, second = ((nuclei[well] > 500).sum() for well in (0, 1))
    assert second > 1.5 * first > 0
    assert not np.array_equal(nuclei[0, 0], nuclei[0, 1])


def test_it_is_the_same_each_time() -> None:
    (once, _, _), _ = sample_plate()
    (again, _, _), _ = sample_plate()

    assert np.array_equal(once, again)
