import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcs_protocol import HcsError
from hcs_stream.microscopes import (
    ImageFile,
    UnknownFileNameError,
    UnnameableImageError,
    format_imagexpress,
    parse_imagexpress,
)

GUID = "045200D6-DAE1-4224-AFDE-9EFD107D85EB"
ROOT = Path("screen")


def parse(name: str) -> ImageFile:
    return parse_imagexpress(ROOT / name, ROOT)


def image(*, path: Path = ROOT, plate: str = "9987", well: str = "B02", channel: str = "2") -> ImageFile:
    return ImageFile(path=path, plate=plate, well=well, site=2, channel=channel, z_index=0, timepoint=1)


numbers = st.integers(0, 10**6)
rows = st.from_regex(r"[A-Z]|A[A-F]", fullmatch=True)
columns = st.integers(1, 48).map("{:02d}".format)
plates = st.text(st.characters(categories=["L", "N"], include_characters=" ,_-()[]."), min_size=1)
images = st.builds(
    ImageFile,
    path=st.just(ROOT),
    plate=plates,
    well=st.builds("{}{}".format, rows, columns),
    site=numbers,
    channel=numbers.map(str),
    z_index=st.none() | numbers,
    timepoint=st.none() | numbers,
)


def test_a_name_of_the_database_store_is_read() -> None:
    path = ROOT / f"2023-02-21/1334/ZStep_1/Projection-Mix_E07_s2_w2{GUID}.tif"

    assert parse_imagexpress(path, ROOT) == ImageFile(
        path=path,
        plate="Projection-Mix",
        well="E07",
        site=2,
        channel="2",
        z_index=1,
        timepoint=None,
    )


def test_a_name_of_an_exported_plate_is_read() -> None:
    path = ROOT / "9987_Plate_3434/TimePoint_1/ZStep_0/9987_B02_s2_w2.TIF"

    assert parse_imagexpress(path, ROOT) == image(path=path)


def test_an_image_outside_a_z_folder_is_the_projection() -> None:
    assert parse(f"2023-02-21/1334/Projection-Mix_E07_s2_w2{GUID}.tif").z_index is None


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        (f"P_E07_s2_w12{GUID}.tif", "12"),
        (f"P_E07_s2_w2{GUID.lower()}.tif", "2"),
        ("P_E07_s2_w212345678-1234-1234-1234-123456789012.tif", "2"),
        ("P_E07_s2_w1212345678-1234-1234-1234-123456789012.tif", "12"),
        ("P_E07_s2_w02.tif", "2"),
    ],
)
def test_the_channel_ends_where_the_guid_begins(name: str, channel: str) -> None:
    assert parse(name).channel == channel


@pytest.mark.parametrize(
    ("name", "site", "channel"),
    [
        ("P_E07_w3.tif", 1, "3"),
        ("P_E07_s3.tif", 3, "1"),
        ("P_E07.tif", 1, "1"),
        (f"P_E07{GUID}.tif", 1, "1"),
        (f"P_E07_s3{GUID}.tif", 3, "1"),
    ],
)
def test_a_missing_site_or_channel_is_the_first(name: str, site: int, channel: str) -> None:
    found = parse(name)

    assert (found.well, found.site, found.channel) == ("E07", site, channel)


@pytest.mark.parametrize(
    ("written", "well"),
    [("A1", "A01"), ("A01", "A01"), ("A001", "A01"), ("P24", "P24"), ("AA1", "AA01")],
)
def test_a_well_has_one_spelling(written: str, well: str) -> None:
    assert parse(f"P_{written}_s1_w1.tif").well == well


@pytest.mark.parametrize(
    "plate",
    [
        "my_P96_plate",
        "screen 3, drug (low) [rep_2]",
        "A01_s1_w1",
        "B02",
        "x_thumb",
        "-1",
        "Zellen_größe_2",
        GUID,
    ],
)
def test_a_plates_name_may_hold_what_looks_like_an_address(plate: str) -> None:
    found = parse(f"{plate}_C05_s1_w3.tif")

    assert (found.plate, found.well, found.site, found.channel) == (plate, "C05", 1, "3")


@pytest.mark.parametrize("ending", ["tif", "TIF", "tiff", "TIFF", "Tif"])
def test_the_ending_has_any_case(ending: str) -> None:
    assert parse(f"P_C05_s1_w3.{ending}").well == "C05"


def test_the_nearest_folder_says_the_plane() -> None:
    found = parse("ZStep_9/TimePoint_12/ZStep_10/P_C05_s1_w3.tif")

    assert (found.timepoint, found.z_index) == (12, 10)


def test_the_plates_folder_may_be_one_plane_itself() -> None:
    root = Path("plate/TimePoint_1/ZStep_4")

    assert parse_imagexpress(root / "P_C05_s1_w3.tif", root).z_index == 4


@pytest.mark.parametrize(
    "name",
    [
        "r03c03f01p01-ch1sk1fk1fl1.tiff",
        "A01_s1_w1_z1_t1.tif",
        "A - 01(fld 1 wv 390 - Blue).tif",
        "P_C05_s1_w3.png",
        "P_C05_s1_w.tif",
        "P_s1_w3.tif",
        "P_C00_s1_w3.tif",
        "_C05.tif",
        "P_C05_s1_w3 copy.tif",
        "P_A01_F001_T001_Z001_C01.tif",
        f"P_C05_s1_w3{GUID[1:]}.tif",
        f"P_C05_s1_w3_thumb{GUID}.tif",
    ],
)
def test_an_unknown_name_is_refused_with_the_grammar_that_was_tried(name: str) -> None:
    with pytest.raises(UnknownFileNameError, match="ImageXpress") as caught:
        parse(name)

    assert isinstance(caught.value, HcsError)
    assert isinstance(caught.value, ValueError)
    assert (caught.value.name, caught.value.grammars) == (name, ("ImageXpress",))


def test_an_exported_name_is_written() -> None:
    assert format_imagexpress(image()) == Path("TimePoint_1/ZStep_0/9987_B02_s2_w2.TIF")


@settings(deadline=None)
@given(images)
def test_what_is_written_reads_back(image: ImageFile) -> None:
    path = ROOT / format_imagexpress(image)

    found = parse_imagexpress(path, ROOT)

    assert found == ImageFile(
        path=path,
        plate=image.plate,
        well=image.well,
        site=image.site,
        channel=image.channel,
        z_index=image.z_index,
        timepoint=image.timepoint,
    )


@pytest.mark.parametrize(
    "unnameable",
    [image(channel="DAPI"), image(channel="02"), image(well="B2"), image(plate="a/b")],
)
def test_an_image_that_would_not_read_back_gets_no_name(unnameable: ImageFile) -> None:
    with pytest.raises(UnnameableImageError, match="reads back"):
        format_imagexpress(unnameable)


@pytest.mark.parametrize(
    "error", [UnknownFileNameError("a.tif", ("ImageXpress",)), UnnameableImageError("a", "b")]
)
def test_an_error_travels_between_processes(error: HcsError) -> None:
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
