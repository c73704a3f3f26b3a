"""Which wells, steps and channels are selected."""

import pickle
import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_stream.config import InvalidFilterError, channel_filter, step_filter, well_filter

ROWS = [*string.ascii_uppercase, *(f"A{letter}" for letter in "ABCDEF")]
PLATE = [f"{row}{column:02d}" for row in ROWS for column in range(1, 49)]


def selected(said: str | list[str]) -> list[str]:
    found = well_filter(said)
    return [well for well in PLATE if found.accepts(well)]


@pytest.mark.parametrize(
    ("said", "wells"),
    [
        ("A01", ["A01"]),
        ("a1", ["A01"]),
        ("A001", ["A01"]),
        ("AA1", ["AA01"]),
        (["A01", "b2"], ["A01", "B02"]),
        ("A01, B02", ["A01", "B02"]),
        ("A01-B03", ["A01", "A02", "A03", "B01", "B02", "B03"]),
        ("a1 - b3", ["A01", "A02", "A03", "B01", "B02", "B03"]),
        ("Z48-AA48", ["Z48", "AA48"]),
        ("A01-A01", ["A01"]),
        ("A0?", [f"A{column:02d}" for column in range(1, 10)]),
        ("[BC]04", ["B04", "C04"]),
        ("[!A-Z]*", []),
    ],
)
def test_words_select_wells(said: str | list[str], wells: list[str]) -> None:
    assert selected(said) == wells


def test_a_letter_and_a_star_are_a_row_and_no_other() -> None:
    assert {well[:-2] for well in selected("a*")} == {"A"}
    assert {well[:-2] for well in selected("AA*")} == {"AA"}
    assert len(selected("A*")) == 48


def test_a_star_and_digits_are_a_column_of_all_rows() -> None:
    assert selected("*01") == [f"{row}01" for row in ROWS]


def test_a_star_alone_selects_wells_of_any_name() -> None:
    assert selected("*") == PLATE
    assert well_filter("*").accepts("control")
    assert not well_filter("A*").accepts("control")


@pytest.mark.parametrize("spelling", ["B3", "b03", "B003", " b3 "])
def test_a_well_is_known_however_it_is_spelt(spelling: str) -> None:
    assert well_filter("A1-C4").accepts(spelling)


@pytest.mark.parametrize("nothing", [None, 3, ""])
def test_an_image_without_a_well_passes_no_filter_of_wells(nothing: object) -> None:
    assert not well_filter("A*").accepts(nothing)


@pytest.mark.parametrize(
    "said",
    [
        "",
        " ",
        "A",
        "A00",
        "A100",
        "BA01",
        "3",
        "A01-",
        "-A01",
        "A01-3",
        "A01,,B02",
        "[A",
        "A]",
        "A01 B02",
        "A.*",
    ],
)
def test_words_that_are_no_wells_are_refused(said: str) -> None:
    with pytest.raises(InvalidFilterError, match=r"wanted a well 'B03'.* to select a well"):
        well_filter(said)


@pytest.mark.parametrize("said", ["B03-A01", "A03-B01", "AA01-Z01"])
def test_a_range_runs_from_its_upper_left_to_its_lower_right(said: str) -> None:
    with pytest.raises(InvalidFilterError, match="upper left"):
        well_filter(said)


@pytest.mark.parametrize("said", [[], None, 3, True, ["A01", 3], [None], b"A01", {"A01": 1}, "[Z-A]*"])
def test_what_is_no_text_selects_no_well(said: object) -> None:
    with pytest.raises(InvalidFilterError):
        well_filter(said)  # type: ignore[arg-type]  # that is the point


@given(st.lists(st.sampled_from(PLATE), min_size=1, max_size=5))
def test_wells_select_themselves(wells: list[str]) -> None:
    assert selected(",".join(wells)) == [well for well in PLATE if well in wells]


@given(st.text(max_size=8))
def test_any_text_selects_wells_or_is_refused(text: str) -> None:
    with suppress(InvalidFilterError):
        assert set(selected(text)) <= set(PLATE)


@pytest.mark.parametrize(
    "said", [2, "2", "1-3", "gaussian_blur", "Gaussian Blur", "gauss*", [7, "gaussian*"]]
)
def test_a_step_is_selected_by_index_name_or_glob(said: str | int) -> None:
    found = step_filter(said)

    assert found.accepts(2, "gaussian blur")
    assert not found.accepts(4, "threshold")


def test_several_steps_are_selected_by_commas() -> None:
    found = step_filter("1, thresh*")

    assert [found.accepts(index, name) for index, name in [(1, "a"), (2, "b"), (3, "threshold")]] == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("said", ["", [], -1, True, 1.5, "3-1", ["a", ""], "a,,b", None])
def test_what_is_no_step_is_refused(said: object) -> None:
    with pytest.raises(InvalidFilterError, match="to select a step"):
        step_filter(said)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    ("said", "channel"),
    [
        ("dapi", "DAPI"),
        ("Alexa*", "Alexa 488"),
        ("DAPI,GFP", "GFP"),
        (1, 1),
        ("1", 1),
        (["DAPI", 2], "2"),
        ("Tsf[Phase Contrast]", "Tsf[Phase Contrast]"),
        ("UV, long", "UV, long"),
        ("[", "["),
    ],
)
def test_a_channel_is_selected_by_name_number_or_glob(said: str | int, channel: object) -> None:
    found = channel_filter(said)

    assert found.accepts(channel)
    assert not found.accepts("Cy5")
    assert not found.accepts(None)


@pytest.mark.parametrize("said", ["", [], -1, False, 1.5, [""], None])
def test_what_is_no_channel_is_refused(said: object) -> None:
    with pytest.raises(InvalidFilterError, match="to select a channel"):
        channel_filter(said)  # type: ignore[arg-type]  # that is the point


def test_filters_and_their_errors_travel_to_other_processes() -> None:
    found = well_filter("A01-B03")
    with pytest.raises(InvalidFilterError) as caught:
        well_filter("nonsense")

    assert pickle.loads(pickle.dumps(found)) == found
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
