import random
from pathlib import Path

import pytest

from hcs_protocol import COMPONENTS, Components, InvalidComponentError, natural_key, normalise_well


def test_the_vocabulary_is_in_the_order_of_a_stacks_axes() -> None:
    assert [name for name in COMPONENTS if name != "channel"] == [
        "plate",
        "timepoint",
        "well",
        "site",
        "z_index",
    ]


def test_a_component_is_found_by_its_name() -> None:
    components = Components(well="B03", site=2)

    assert [components.value(name) for name in ("well", "site", "plate")] == ["B03", 2, None]


@pytest.mark.parametrize(
    "values",
    [
        [None, 1, 2, 10],
        [-2, -1, 0, 1],
        ["2", "10"],
        ["A01", "A02", "A10", "B01", "H12"],
        ["P24", "Z48", "AA01", "AF48"],
        ["Z48", "AA1"],
        ["site 2", "site 10"],
        ["plate 2 b", "plate 10 a"],
        [1, 2, "DAPI", "GFP"],
        ["AF488", "AF647", "Cy3", "cy5", "DAPI"],
        [None, "", "a"],
        ["img_2.tif", "img_10.tif"],
    ],
)
def test_values_are_sorted_as_people_sort_them(values: list[object]) -> None:
    shuffled = random.Random(0).sample(values, len(values))

    assert sorted(shuffled, key=natural_key) == values


def test_all_wells_of_a_1536_well_plate_are_sorted_by_row_and_column() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    rows = [*letters, *(f"A{letter}" for letter in letters[:6])]
    wells = [f"{row}{column:02d}" for row in rows for column in range(1, 49)]

    assert sorted(sorted(wells), key=natural_key) == wells


def test_anything_with_a_text_can_be_sorted() -> None:
    assert sorted([Path("p10"), Path("p9")], key=natural_key) == [Path("p9"), Path("p10")]


@pytest.mark.parametrize(
    ("said", "well"),
    [
        ("a1", "A01"),
        ("A1", "A01"),
        ("A01", "A01"),
        ("A001", "A01"),
        (" b03 ", "B03"),
        ("H12", "H12"),
        ("af48", "AF48"),
        ("z72", "Z72"),
    ],
)
def test_a_well_has_one_spelling(said: str, well: str) -> None:
    assert normalise_well(said) == well


@pytest.mark.parametrize(
    "said", ["", "A", "1", "A0", "A00", "AAA1", "1A", "Cy3", "BA1", "A-1", "A123", "A1 B2", "A\u0661", "Ä1"]
)
def test_what_is_no_well_is_refused(said: str) -> None:
    with pytest.raises(InvalidComponentError, match="'B03'"):
        normalise_well(said)
