"""Names of channels in an exported plate's `.HTD` file."""

from pathlib import Path

import pytest

from hcs_stream.microscopes import format_htd, open_plate


def make_plate(folder: Path, htd: str) -> Path:
    for channel in (1, 2):
        (folder / f"9987_B02_s1_w{channel}.TIF").touch()
    (folder / "9987.htd").write_text(htd, encoding="latin-1")
    return folder


def test_channels_are_called_as_the_plate_says(tmp_path: Path) -> None:
    plate = open_plate(make_plate(tmp_path, format_htd({"1": "DAPI", "2": "Texas Red, séparé"})))

    assert [image.channel for image in plate.images] == ["DAPI", "Texas Red, séparé"]


def test_a_channel_without_a_name_keeps_its_number(tmp_path: Path) -> None:
    plate = open_plate(make_plate(tmp_path, format_htd({"2": "Cy5"})))

    assert [image.channel for image in plate.images] == ["1", "Cy5"]


def test_names_that_do_not_tell_channels_apart_are_left_alone(tmp_path: Path) -> None:
    plate = open_plate(make_plate(tmp_path, format_htd({"1": "TL", "2": "TL"})))

    assert [image.channel for image in plate.images] == ["1", "2"]


def test_a_file_that_says_nothing_is_no_error(tmp_path: Path) -> None:
    plate = open_plate(make_plate(tmp_path, "\x00\xff garbage"))

    assert [image.channel for image in plate.images] == ["1", "2"]


def test_a_name_that_is_another_channels_number_is_left_alone(tmp_path: Path) -> None:
    plate = open_plate(make_plate(tmp_path, format_htd({"1": "2"})))

    assert [image.channel for image in plate.images] == ["1", "2"]


@pytest.mark.parametrize("names", [{"1": "405", "2": "488"}, {"1": "405"}, {"1": "1", "2": "561"}])
def test_a_wavelength_is_a_name(tmp_path: Path, names: dict[str, str]) -> None:
    plate = open_plate(make_plate(tmp_path, format_htd(names)))

    assert {image.channel for image in plate.images} == set({"1": "1", "2": "2", **names}.values())


def test_what_several_files_do_not_agree_on_is_left_alone(tmp_path: Path) -> None:
    folder = make_plate(tmp_path, format_htd({"1": "DAPI", "2": "Cy3"}))
    (folder / "other.HTD").write_text(format_htd({"01": "DAPI", "2": "Cy5"}), encoding="latin-1")

    assert [image.channel for image in open_plate(folder).images] == ["2", "DAPI"]
