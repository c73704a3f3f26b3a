"""A pattern says how images are named, and nothing that a name may be takes long."""

import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_stream.microscopes import (
    ImageFile,
    NoImagesError,
    NoMatchError,
    PatternError,
    Plate,
    UnnameableImageError,
    format_htd,
    open_plate,
    read_positions,
)
from hcs_stream.microscopes._pattern_grammar import Pattern

Touch = Callable[..., Path]
Address = tuple[str, int | None, str, int | None, int | None, str | None]


def read(pattern: str, path: str) -> Address | None:
    *folders, name = path.split("/")
    found = Pattern(pattern).parse(name, ("plate", *folders))
    return found and (found.well, found.site, found.channel, found.z_index, found.timepoint, found.plate)


def addresses(plate: Plate) -> list[tuple[str, str, int | None, str]]:
    return [(image.plate, image.well, image.site, image.channel) for image in plate.images]


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("{well}_f{site}_{channel}_z{z_index}.tif", "A1_f2_DAPI_z03.tif", ("A01", 2, "DAPI", 3, None, None)),
        (
            "{well}_{channel}_t{timepoint}.tif",
            "AF48_Alexa_488_t0.tif",
            ("AF48", None, "Alexa_488", None, 0, None),
        ),
        ("{plate}_{well}_w{channel}", "My_Plate_h12_w02.png", ("H12", None, "2", None, None, "My_Plate")),
        ("{well}/{site}/{channel}.tif", "x/B03/7/GFP.tif", ("B03", 7, "GFP", None, None, None)),
        ("Well {row}-{column}/*_s{site}.tif", "Well 2-3/any_s1.tif", ("B03", 1, "1", None, None, None)),
        ("{row}{column}.tif", "AB7.tif", ("AB07", None, "1", None, None, None)),
        ("{row}/{row}_{column}.tif", "2/B_1.tif", ("B01", None, "1", None, None, None)),
        ("VID7_{well}_{site}_{}.tif", "VID7_A1_1_2020y05m28d.tif", ("A01", 1, "1", None, None, None)),
        ("**/{well}.*", "A01.jpeg", ("A01", None, "1", None, None, None)),
        ("./{{x}}[{well}]+(1).tif", "{x}[A01]+(1).tif", ("A01", None, "1", None, None, None)),
        ("*{well}*", "data_exp12_A01_x.tif", ("A01", None, "1", None, None, None)),
        ("{plate}/{plate}_{well}.tif", "my_exp/my_exp_A01.tif", ("A01", None, "1", None, None, "my_exp")),
        ("{well}/{well}_f{site}.tif", "A01/a1_f1.tif", ("A01", 1, "1", None, None, None)),
        ("Caf\u00e9_{well}.tif", "Cafe\u0301_A01.tif", ("A01", None, "1", None, None, None)),
    ],
)
def test_a_name_is_read_as_the_pattern_says(pattern: str, path: str, expected: Address) -> None:
    assert read(pattern, path) == expected


@pytest.mark.parametrize("name", ["A01.tif", "A01.TIF", "A01.tiff", "A01.ome.tif", "A01.OME.TIFF"])
@pytest.mark.parametrize("pattern", ["{well}.tif", "{well}.TIFF", "{well}.ome.tif", "{well}", "{well}.*"])
def test_the_spelling_of_the_ending_does_not_matter(pattern: str, name: str) -> None:
    assert read(pattern, name) == ("A01", None, "1", None, None, None)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("{well}.tif", "A01.png"),
        ("{well}.tif", "A01xtif"),
        ("{well}.tif", "Z99.tif"),
        ("{well}_.tif", "A1234_.tif"),
        ("{well}.f.tif", "A01xf.tif"),
        ("{well}_f{site}.tif", "A01_fx.tif"),
        ("{well}_{channel}.tif", "A01_.tif"),
        ("{well}/{well}_f{site}.tif", "A01/A02_f1.tif"),
        ("{well}_{site}_{site}.tif", "A01_1_2.tif"),
        ("{well}_{channel}_x_{channel}.tif", "A01_DAPI_x_GFP.tif"),
        ("{well}/*/{channel}.tif", "A01/DAPI.tif"),
    ],
)
def test_a_name_that_is_otherwise_does_not_match(pattern: str, path: str) -> None:
    assert read(pattern, path) is None


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", "no component"),
        ("image_*.tif", "no component"),
        ("{well}_{z}.tif", "{z}"),
        ("{well:3}.tif", "{well:3}"),
        ("{well!r}.tif", "{well!r}"),
        ("{well", "a brace without its other half"),
        ("well}.tif", "a brace without its other half"),
        ("{row}_{site}.tif", "{row} without {column}"),
        ("{column}_{site}.tif", "{column} without {row}"),
        ("{site}_{channel}.tif", "no {well}"),
        ("{well}{site}.tif", "no text between {well} and {site}"),
        ("{well}_{plate}{channel}.tif", "no text between {plate} and {channel}"),
        ("{well}_{site}1.tif", "a digit after {site}"),
        ("{well}/", "a folder at the end"),
    ],
)
def test_a_bad_pattern_is_refused_with_all_components(pattern: str, found: str) -> None:
    with pytest.raises(PatternError) as caught:
        Pattern(pattern)

    said = str(pickle.loads(pickle.dumps(caught.value)))
    assert f"found {found}" in said
    assert all(f"{{{name}}}" in said for name in ("well", "row", "site", "channel", "z_index", "timepoint"))


@given(st.text(st.characters(exclude_characters="{}*/\\", exclude_categories=["Cs"]), max_size=20))
def test_other_text_stands_for_itself(text: str) -> None:
    pattern = Pattern(f"{text}|{{well}}|.tif")

    assert pattern.parse(f"{text}|A01|.tif", ()) is not None
    assert pattern.parse(f"{text}x|A01|.tif", ()) is None


@given(st.text("_aA01s{}*", max_size=40), st.text("_aA01s", max_size=250))
def test_no_pattern_and_no_name_raises_anything_else(pattern: str, name: str) -> None:
    with suppress(PatternError):
        Pattern(f"{{well}}{pattern}").parse(f"{name}.tif", ())


@given(
    st.sampled_from(["A01", "H12", "AF48"]),
    st.text(st.characters(exclude_characters="/.", exclude_categories=["Cs"]), min_size=1).filter(
        lambda text: not (text.isascii() and text.isdecimal())
    ),
    st.integers(0, 10**9 - 1),
)
def test_what_is_filled_into_a_pattern_is_read_back(well: str, channel: str, site: int) -> None:
    pattern = "{well}-{channel}/f{site}_any (1).tif"
    folder, name = pattern.format(well=well, channel=channel, site=site).split("/")

    found = Pattern(pattern).parse(name, (folder,))

    assert found is not None
    assert (found.well, found.channel, found.site) == (well, normalize("NFC", channel), site)


def test_a_name_with_an_initial_of_a_makers_corrections_is_an_image(touch: Touch) -> None:
    plate = open_plate(touch("SC_A01_CH01.tif", "SC_BP445_CH02.tif"), pattern="SC_{well}_CH{channel}.tif")

    assert [image.path.name for image in plate.images] == ["SC_A01_CH01.tif"]
    assert [path.name for path in plate.skipped["corrections"]] == ["SC_BP445_CH02.tif"]


@pytest.mark.parametrize("name", ["_" * 250, "_a" * 120, "_s1" * 80, "1" * 250, "_A01" * 60])
def test_a_name_that_nearly_matches_takes_no_time(name: str) -> None:
    pattern = "*_*_*_*_{plate}_*_*_*_*_{channel}_*_*_s{site}_{well}_!.tif"

    assert read(pattern, f"{name}.tif") is None  # a way to cut it after the other would take years


def test_a_pattern_alone_reads_the_names(touch: Touch) -> None:
    folder = touch("A01_f1.tif", "A01_f2.tif", "P_A01_s1_w1.tif", "notes.txt")

    plate = open_plate(folder, pattern="{well}_f{site}.tif")

    assert addresses(plate) == [(folder.name, "A01", 1, "1"), (folder.name, "A01", 2, "1")]
    assert (plate.maker, plate.unparsed) == ("pattern", (folder / "P_A01_s1_w1.tif",))
    assert plate.skipped["other"] == (folder / "notes.txt",)


def test_the_folders_that_a_pattern_speaks_of_are_parts_of_the_plate(touch: Touch) -> None:
    folder = touch("day 1/A01 ctrl/1/DAPI.tif", "day 1/B01 drug/1/DAPI.tif", "day 2/A01 ctrl/1/DAPI.tif")
    pattern = "{well} */{site}/{channel}.tif"

    both, inside = (
        open_plate(folder, pattern=pattern),
        open_plate(folder / "day 1/A01 ctrl/1", pattern=pattern),
    )

    assert addresses(both) == [
        ("day 1", "A01", 1, "DAPI"),
        ("day 1", "B01", 1, "DAPI"),
        ("day 2", "A01", 1, "DAPI"),
    ]
    assert addresses(inside) == [("day 1", "A01", 1, "DAPI")]


def test_plates_of_one_name_are_told_apart_by_their_folders(touch: Touch) -> None:
    folder = touch("x/P/A01/1.tif", "x/P/A02/1.tif", "y/P/A01/1.tif")

    plate = open_plate(folder, pattern="{well}/{site}.tif")

    assert {image.plate for image in plate.images} == {"P (x/P)", "P (y/P)"}


def test_images_of_one_address_are_duplicates(touch: Touch) -> None:
    folder = touch("A01_f1_a.tif", "A01_f1_b.tif")

    plate = open_plate(folder, pattern="{well}_f{site}_*.tif")

    assert [image.path.name for image in plate.images] == ["A01_f1_a.tif"]
    assert plate.skipped["duplicates"] == (folder / "A01_f1_b.tif",)


def test_a_makers_metadata_and_thumbnails_are_known_on(touch: Touch) -> None:
    folder = touch("A01 1 c1.tif", "A01 1 c2.tif", "P_A01_s1_w1_thumb.tif")
    (folder / "P.HTD").write_text(format_htd({"1": "DAPI", "2": "GFP"}), encoding="latin-1", newline="")

    plate = open_plate(folder, pattern="{well} * c{channel}.tif")

    assert [image.channel for image in plate.images] == ["DAPI", "GFP"]
    assert plate.skipped["thumbs"] == (folder / "P_A01_s1_w1_thumb.tif",)


def test_where_nothing_matches_an_example_is_named(touch: Touch) -> None:
    folder = touch("Images/A00.tif", "Images/A01-f1.tif", "Images/A01-f2.tif")

    with pytest.raises(NoMatchError, match=r"found 3 images of other names, such as 'A01-f1.tif'"):
        open_plate(folder, pattern="{well}_f{site}.tif")
    with pytest.raises(NoMatchError, match=r"such as 'Images/A01-f1.tif'"):
        open_plate(folder / "Images", pattern="{well}/f{site}.tif")


@pytest.mark.parametrize(
    ("plate", "pattern"),
    [
        ("opera-phenix-v5", "r{row}c{column}f{site}p{z_index}-ch{channel}sk{timepoint}*.tiff"),
        ("cellvoyager-cv8000", "{plate}_{well}_T{timepoint}F{site}L*A*Z{z_index}C{channel}.tif"),
    ],
)
def test_a_pattern_says_of_a_real_plate_what_its_makers_grammar_says(
    plate: str, pattern: str, open_real_plate: Callable[[str], Plate]
) -> None:
    wanted = open_real_plate(plate)

    found = open_plate(wanted.folder, pattern=pattern)

    assert (*found.images,) == (*wanted.images,)
    assert (found.pixel_size, found.z_step, found.wavelengths) == (
        wanted.pixel_size,
        wanted.z_step,
        wanted.wavelengths,
    )
    assert read_positions(found) == read_positions(wanted)


def test_where_there_is_no_image_at_all_that_is_said(touch: Touch) -> None:
    with pytest.raises(NoImagesError):
        open_plate(touch("A01_f1.nd2"), pattern="{well}_f{site}.tif")


def test_a_bad_pattern_is_refused_before_the_folder_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(PatternError):
        open_plate(tmp_path / "none", pattern="{fov}.tif")


def test_a_pattern_writes_no_names() -> None:
    image = ImageFile(path=Path(), plate="P", well="A01", site=1, channel="1", z_index=None, timepoint=None)

    with pytest.raises(UnnameableImageError):
        Pattern("{well}_*.tif").format(image)


def test_a_plate_that_was_opened_by_a_pattern_travels_to_other_processes(touch: Touch) -> None:
    plate = open_plate(touch("A01_f1.tif"), pattern="{well}_f{site}.tif")

    assert addresses(pickle.loads(pickle.dumps(plate))) == addresses(plate)
