"""Makers' file names, their traps, and names that are written and read back."""

import pickle
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcs_protocol import HcsError
from hcs_stream.microscopes import (
    ImageFile,
    UnknownFileNameError,
    UnknownMakerError,
    UnnameableImageError,
    format_path,
    grammars,
    parse_path,
)

GUID = "045200D6-DAE1-4224-AFDE-9EFD107D85EB"
Address = tuple[str, str, int | None, str, int | None, int | None]


def address(path: str, maker: str | None = None) -> Address:
    found = parse_path(path, maker=maker)
    return found.plate, found.well, found.site, found.channel, found.z_index, found.timepoint


@pytest.mark.parametrize(
    ("path", "maker", "expected"),
    [
        (
            f"2023-02-21/1334/ZStep_1/Projection-Mix_E07_s2_w2{GUID}.tif",
            "ImageXpress",
            ("Projection-Mix", "E07", 2, "2", 1, None),
        ),
        (
            "9987_Plate_3434/TimePoint_1/ZStep_0/9987_B02_s2_w2.TIF",
            "ImageXpress",
            ("9987", "B02", 2, "2", 0, 1),
        ),
        ("my_P96_plate_C05_s1_w3.tif", "ImageXpress", ("my_P96_plate", "C05", 1, "3", None, None)),
        ("my_p96_plate_c05_s1_w3.tif", "ImageXpress", ("my_p96_plate", "C05", 1, "3", None, None)),
        ("P_AA01_s1_w1.tif", "ImageXpress", ("P", "AA01", 1, "1", None, None)),
        ("P_AF48_S1_W1.tif", "ImageXpress", ("P", "AF48", 1, "1", None, None)),
        (f"Week1_22123/G10_s1_w1{GUID}.tif", "ImageXpress", ("Week1_22123", "G10", 1, "1", None, None)),
        ("P_A01_s1_w1.ome.tif", "ImageXpress", ("P", "A01", 1, "1", None, None)),
        ("P/r01c01f01p01-ch1.ome.tiff", "Opera Phenix", ("P", "A01", 1, "1", 1, None)),
        ("P_G16_T0012F003L01A05Z01C05.OME.TIF", "CellVoyager", ("P", "G16", 3, "5", 1, 12)),
        ("P/A - 01(fld 1 wv UV).ome.tif", "IN Cell", ("P", "A01", 1, "UV", None, None)),
        ("P/A1_01_1_4_DAPI_001.ome.tif", "Cytation", ("P", "A01", 4, "DAPI", None, 1)),
        ("AS_A01f00d2.ome.tif", "Cellomics", ("AS", "A01", 0, "2", None, None)),
        ("P/Images/r03c03f01p01-ch1sk1fk1fl1.tiff", "Opera Phenix", ("P", "C03", 1, "1", 1, 1)),
        ("P/r16c24f001p02-ch12.TIF", "Opera Phenix", ("P", "P24", 1, "12", 2, None)),
        ("P/images/r27c48/r27c48f01p01-ch01t03.tiff", "Opera Phenix", ("P", "AA48", 1, "1", 1, 3)),
        ("P/R32C48F01P01-CH2SK1FK1FL1.TIFF", "Opera Phenix", ("P", "AF48", 1, "2", 1, 1)),
        ("P/003004-5-006007002.tif", "Opera Phenix", ("P", "C04", 5, "2", 7, 6)),
        (
            "AssayPlate_Corning_3830_G16_T0001F001L01A05Z40C05.tif",
            "CellVoyager",
            ("AssayPlate_Corning_3830", "G16", 1, "5", 40, 1),
        ),
        ("P_G16_T0012F003L01A05ZXXC05.tif", "CellVoyager", ("P", "G16", 3, "5", None, 12)),
        ("P_AF48_T0001F001L01A01Z01C10.png", "CellVoyager", ("P", "AF48", 1, "10", 1, 1)),
        ("p_g7_t0001f001l01a01z01c01.TIF", "CellVoyager", ("p", "G07", 1, "1", 1, 1)),
        ("P/A - 01(fld 1 wv 390 - Blue).tif", "IN Cell", ("P", "A01", 1, "390 - Blue", None, None)),
        ("P/A - 1(fld 01 wv UV - DAPI z 1).tif", "IN Cell", ("P", "A01", 1, "UV - DAPI", 1, None)),
        (
            "P/B - 4(fld 1 wv DAPI - DAPI- time 2 - 12000 ms).tif",
            "IN Cell",
            ("P", "B04", 1, "DAPI - DAPI", None, 2),
        ),
        (
            "P/B - 03(fld 12 wv TL-Brightfield - Cy3 wix 2 z 3 time 4).tif",
            "IN Cell",
            ("P", "B03", 12, "TL-Brightfield - Cy3", 3, 4),
        ),
        ("P/Q_A - 01(fld 1 wv 390 - Blue).tif", "IN Cell", ("Q", "A01", 1, "390 - Blue", None, None)),
        ("P/AF - 48(fld 1).tif", "IN Cell", ("P", "AF48", 1, "1", None, None)),
        (
            "P/A1_-1_1_1_Tsf[Phase Contrast]_001.tif",
            "Cytation",
            ("P", "A01", 1, "Tsf[Phase Contrast]", None, 1),
        ),
        ("P/A1_01_1_4_Phase Contrast_001.tif", "Cytation", ("P", "A01", 4, "Phase Contrast", None, 1)),
        (
            "P/A1_-2_1_1_Tsf[Stitched[Channel1 300,400]]_001.tif",
            "Cytation",
            ("P", "A01", 1, "Tsf[Stitched[Channel1 300,400]]", None, 1),
        ),
        (
            "P/H12_-1_2_Stitched[GFP 469,525]_012.png",
            "Cytation",
            ("P", "H12", None, "Stitched[GFP 469,525]", None, 12),
        ),
        ("P/B2_02_1_10Z7_Bright Field_003.tif", "Cytation", ("P", "B02", 10, "Bright Field", 7, 3)),
        ("P/B2_02_SP10Z10_C1_Bright Field_T001.tif", "Cytation", ("P", "B02", 10, "Bright Field", 10, 1)),
        (
            "AS_09047_050428030001_O05f00d2.TIF",
            "Cellomics",
            ("AS_09047_050428030001", "O05", 0, "2", None, None),
        ),
        ("MFGTMP-PC_A01d0.tif", "Cellomics", ("MFGTMP-PC", "A01", None, "0", None, None)),
        ("P/A01_s1_w1_z1_t1.tif", "OpenHCS", ("P", "A01", 1, "1", 1, 1)),
        ("P/A001_s002_w03_z004_t005.TIF", "OpenHCS", ("P", "A01", 2, "3", 4, 5)),
        ("P/A01_w2.png", "OpenHCS", ("P", "A01", None, "2", None, None)),
        ("P/A01_s1_w1_z1_t1.ome.tif", "OpenHCS", ("P", "A01", 1, "1", 1, 1)),
        ("P/R03C12_s1_w1_z1_t1.tif", "OpenHCS", ("P", "C12", 1, "1", 1, 1)),
        ("plate.zarr/B/03/0", "OME-NGFF", ("plate", "B03", 0, "0", None, None)),
        ("x/plate.ome.zarr/AA/3/12/0", "OME-NGFF", ("plate", "AA03", 12, "0", None, None)),
    ],
)
def test_a_makers_name_is_read_whether_or_not_the_maker_is_known(
    path: str, maker: str, expected: Address
) -> None:
    assert address(path, maker) == expected
    assert address(path) == expected


@pytest.mark.parametrize(
    "name",
    [
        "overview.tif",
        "overview_v2.tif",
        "P_s1_w3.tif",
        "P_E07_s2_w2_thumb.tif",
        "r00c01f01p01-ch1sk1fk1fl1.tiff",
        "r33c01f01p01-ch1sk1fk1fl1.tiff",
        "r01c49f01p01-ch1sk1fk1fl1.tiff",
        "P_AG01_s1_w1.tif",
        "P_A49_s1_w1.tif",
        "r01c01f01p01-ch1sk1fk1fl1.tiff.part",
        "DC_DCAM#2_CAM4.tif",
        "SC_BP525-50_20x v2_M01_CH02.tif",
        "P_CH02_T0001F001L01A01Z01C01.tif",
        "A-01(fld 1 wv 390 - Blue).tif",
        "A01.tif",
        "A01_.tif",
        "plate.zarr/B/03/zarr.json",
        "plate.zarr/B/03",
        "P_A99999999999_s1_w1.tif",
        "P_A01_s99999999999_w1.tif",
        "٣٣٣٣٣٣-1-001001001.tif",
        "",
        ".tif",
    ],
)
def test_a_name_that_nobody_knows_is_refused_with_all_that_were_tried(name: str) -> None:
    with pytest.raises(UnknownFileNameError) as caught:
        parse_path(name)

    assert caught.value.grammars == tuple(grammars())


def test_one_maker_alone_may_be_asked() -> None:
    with pytest.raises(UnknownFileNameError, match="wanted a file name of Cytation, found 'A01_s1_w1"):
        parse_path("A01_s1_w1_z1_t1.tif", maker="cytation")


def test_a_maker_that_is_misspelled_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(UnknownMakerError, match="found 'Opera Pheonix'; did you mean 'Opera Phenix'"):
        parse_path("a.tif", maker="Opera Pheonix")


def test_the_plates_folder_lends_its_name() -> None:
    path = Path("screen/Meas_1/Images/r01c01f01p01-ch1sk1fk1fl1.tiff")

    assert parse_path(path, root="screen/Meas_1").plate == "Meas_1"
    assert parse_path(path, root="screen").plate == "screen"
    assert parse_path(path).plate == "Meas_1"
    assert parse_path(path.name).plate == ""


def test_a_path_outside_the_plates_folder_is_read_too() -> None:
    found = parse_path("results/TimePoint_2/P_C05_s1_w3.tif", root="screen")

    assert (found.plate, found.timepoint) == ("P", 2)


def test_the_plates_folder_may_be_one_plane_itself() -> None:
    path = Path("plate/TimePoint_1/ZStep_4/P_C05_s1_w3.tif")

    assert parse_path(path, root=path.parent).z_index == 4


numbers = st.integers(0, 10**6)
optional = st.none() | numbers
rows = st.from_regex(r"[A-Z]|A[A-F]", fullmatch=True)
texts = st.text(st.characters(categories=["L", "N"], include_characters=" ,-_()[]."), min_size=1)
folders = texts.filter(lambda name: name not in (".", ".."))
digits = numbers.map(str)
none = st.none()
filters = st.from_regex(r"[A-Z]\w+ - [A-Z]\w+", fullmatch=True)
bracketed = st.from_regex(r"[A-Z][\w ]+\[[\w ,]+\]", fullmatch=True)


def images(
    *,
    site: st.SearchStrategy[int | None] = optional,
    channel: st.SearchStrategy[str] = digits,
    z_index: st.SearchStrategy[int | None] = optional,
    timepoint: st.SearchStrategy[int | None] = optional,
) -> st.SearchStrategy[ImageFile]:
    return st.builds(
        ImageFile,
        path=st.just(Path()),
        plate=folders,
        well=st.builds("{}{:02d}".format, rows, st.integers(1, 48)),
        site=site,
        channel=channel,
        z_index=z_index,
        timepoint=timepoint,
    )


NAMEABLE = {
    "ImageXpress": images(site=numbers),
    "Opera Phenix": images(site=numbers, z_index=numbers),
    "CellVoyager": images(site=numbers, timepoint=numbers),
    "IN Cell": images(site=numbers, channel=digits | filters),
    "Cytation": images(
        site=numbers, channel=st.from_regex(r"[A-Z][\w ]+\[[\w ,]+\]", fullmatch=True), timepoint=numbers
    ),
    "Cellomics": images(z_index=none, timepoint=none),
    "OpenHCS": images(),
    "OME-NGFF": images(site=numbers, channel=st.just("0"), z_index=none, timepoint=none),
}


def test_every_grammar_is_tried_by_what_it_can_name() -> None:
    assert set(NAMEABLE) == set(grammars())


@pytest.mark.parametrize("maker", grammars())
@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_a_name_that_is_written_reads_back(maker: str, data: st.DataObject) -> None:
    image = data.draw(NAMEABLE[maker])

    assert reads_back(image, image.plate / format_path(image, maker=maker), maker)


@pytest.mark.parametrize("maker", grammars())
@settings(deadline=None, max_examples=200)
@given(image=images(channel=digits | texts))
def test_a_name_reads_back_or_is_not_written(maker: str, image: ImageFile) -> None:
    try:
        path = image.plate / format_path(image, maker=maker)
    except UnnameableImageError:
        return

    assert reads_back(image, path, maker)


def reads_back(image: ImageFile, path: Path, maker: str) -> bool:
    return parse_path(path, maker=maker, root=path.parts[0]) == msgspec.structs.replace(image, path=path)


@pytest.mark.parametrize(
    ("maker", "path"),
    [
        ("ImageXpress", "TimePoint_3/ZStep_4/P_AA02_s1_w2.TIF"),
        ("Opera Phenix", "Images/r27c02f01p04-ch2sk3fk1fl1.tiff"),
        ("CellVoyager", "P_AA02_T0003F001L01A01Z04C02.tif"),
        ("IN Cell", "AA - 02(fld 1 wv 2 z 4 time 3).tif"),
        ("Cytation", "AA2_01_1_1Z4_2_003.tif"),
        ("OpenHCS", "AA02_s1_w2_z4_t3.tif"),
    ],
)
def test_an_image_has_a_name_with_every_maker(maker: str, path: str) -> None:
    image = ImageFile(path=Path(), plate="P", well="AA02", site=1, channel="2", z_index=4, timepoint=3)

    assert format_path(image, maker=maker).as_posix() == path


@pytest.mark.parametrize("maker", grammars())
def test_an_image_that_would_not_read_back_gets_no_name(maker: str) -> None:
    image = ImageFile(path=Path(), plate="P", well="A1", site=1, channel="a/b", z_index=1, timepoint=1)

    with pytest.raises(UnnameableImageError, match="reads back"):
        format_path(image, maker=maker)


@pytest.mark.parametrize(
    "error",
    [UnknownFileNameError("a", ("b",)), UnknownMakerError("a", ("b",)), UnnameableImageError("a", "b")],
)
def test_an_error_travels_between_processes(error: HcsError) -> None:
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
