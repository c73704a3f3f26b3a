"""How values are called, and found by what somebody types."""

import pytest

from hcs_protocol import Step, natural_key
from hcs_viewer._axes import Value
from hcs_viewer._words import find_steps, find_value, step_words, value_words

WELLS: list[Value] = ["A01", "A02", "B03", "B13", "AA01"]


@pytest.mark.parametrize(
    ("component", "value", "words"),
    [
        ("well", "B03", "B03"),
        ("site", 2, "site 2"),
        ("z_index", 7, "z 7"),
        ("z_index", None, "z –"),
        ("channel", "DAPI", "DAPI"),
        ("channel", 1, "channel 1"),
        ("channel", "1", "channel 1"),
        ("plate", "Plate", "Plate"),
        ("timepoint", 0, "timepoint 0"),
    ],
)
def test_values_are_called_as_people_do(component: str, value: Value, words: str) -> None:
    assert value_words(component, value) == words


def test_a_step_is_called_as_in_the_names_of_layers() -> None:
    assert step_words(Step(index=2, name="gaussian blur")) == "Step_02_gaussian_blur"


@pytest.mark.parametrize(
    ("typed", "well"),
    [
        ("b03", "B03"),
        ("B3", "B03"),
        ("well b3", "B03"),
        ("b", "B03"),
        ("13", "B13"),
        ("aa1", "AA01"),
        ("a1", "A01"),
    ],
)
def test_a_well_is_found(typed: str, well: str) -> None:
    assert find_value("well", typed, WELLS) == well


@pytest.mark.parametrize(
    ("component", "typed", "values", "found"),
    [
        ("site", "2", [1, 2, 12, 20], 2),
        ("site", "site 12", [1, 2, 12, 20], 12),
        ("site", "002", ["001", "002"], "002"),
        ("site", "2", ["001", "002"], "002"),
        ("site", "–", [None, 1], None),
        ("z_index", "z 7", [5, 7], 7),
        ("z_index", "-3", [-3, 3], -3),
        ("plate", "plate", ["Other", "Plate 7"], "Plate 7"),
        ("channel", "gfp", ["DAPI", "GFP"], "GFP"),
        ("channel", "1", [1, "1"], 1),
    ],
)
def test_other_values_are_found(component: str, typed: str, values: list[Value], found: Value) -> None:
    assert find_value(component, typed, values) == found


@pytest.mark.parametrize("typed", ["", "  ", "Z99", "site"])
def test_what_is_like_nothing_is_not_found(typed: str) -> None:
    with pytest.raises(LookupError):
        find_value("well", typed, WELLS)


def test_every_well_is_found_by_its_name() -> None:
    wells: list[Value] = sorted(
        (f"{row}{column:02d}" for row in "ABCP" for column in range(1, 25)), key=natural_key
    )

    assert [find_value("well", str(well).lower(), wells) for well in wells] == wells


RAW, BLUR, TWO = Step(index=1, name="raw"), Step(index=2, name="my blur"), Step(index=3, name="2")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("raw", {RAW}),
        ("1", {RAW}),
        ("02", {BLUR}),
        ("Step_02_my_blur", {BLUR}),
        ("my blur", {BLUR}),
        ("2", {TWO}),
    ],
)
def test_a_step_is_found_by_its_name_before_its_index(said: str, found: set[Step]) -> None:
    assert find_steps(said, [RAW, BLUR, TWO]) == found


def test_who_asks_for_no_step_that_there_is_reads_which_there_are() -> None:
    with pytest.raises(
        LookupError, match="no layer is of step 'blurr'; there are Step_01_raw, Step_02_my_blur"
    ):
        find_steps("blurr", [BLUR, RAW])
