"""Which images are listed, as people say it."""

from pathlib import Path

import pytest
from images_to_send import table_of, write_plate

from hcs_stream.config import InvalidFilterError
from hcs_stream.manager._filters import Query, list_images
from hcs_stream.sending import ImageTable


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> ImageTable:
    """Four wells of two sites, two channels and three planes."""
    wells = ("A01", "A02", "B01", "C11")
    folder = tmp_path_factory.mktemp("plate")
    return table_of(write_plate(folder, wells, sites=2, channels=2, planes=3))


def listed(table: ImageTable, query: Query) -> list[str]:
    return [table.name(int(row)) for row in list_images(table, query).rows]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 48),
        ("A01", 12),
        ("a01", 12),
        ("A01-B01", 24),
        ("A01-B02", 36),
        ("a*", 24),
        ("well=B1", 12),
        ("s1", 24),
        ("s1 w2", 12),
        ("site=1", 24),
        ("channel=2", 24),
        ("c:2 z=2-", 16),
        ("z=1,3", 32),
        ("z=none", 0),
        ("B01_S2", 6),
        ("nothing", 0),
        ("t=1", 48),
    ],
)
def test_an_image_is_listed_if_it_has_all_words(table: ImageTable, text: str, count: int) -> None:
    assert len(listed(table, Query(text=text))) == count


@pytest.mark.parametrize("text", ["well=Q", "z=3-1"])
def test_what_a_component_cannot_have_is_refused_in_words(table: ImageTable, text: str) -> None:
    with pytest.raises(InvalidFilterError, match="wanted"):
        list_images(table, Query(text=text))


def test_components_and_wells_narrow_the_list_together(table: ImageTable) -> None:
    query = Query(wanted={"z_index": frozenset({0}), "site": frozenset({1})}, wells=frozenset({"C11"}))

    names = listed(table, query)

    assert names == ["C11_s2_w1_z1_t1.tif", "C11_s2_w2_z1_t1.tif"]


def test_wells_are_counted_as_if_all_were_asked_for(table: ImageTable) -> None:
    found = list_images(table, Query(text="z=1", wells=frozenset({"A01"})))

    assert found.by_well.tolist() == [4, 4, 4, 4]
    assert len(found.rows) == 4


def test_the_list_is_sorted_as_asked_for(table: ImageTable) -> None:
    query = Query(text="A01 w1", sorted_by="z_index", is_descending=True)

    assert listed(table, query)[0] == "A01_s1_w1_z3_t1.tif"


def test_folders_below_the_plate_are_searched_and_those_above_are_not(tmp_path: Path) -> None:
    table = table_of(write_plate(tmp_path / "TimePoint_1" / "deep").parent.parent)
    write_plate(tmp_path / "TimePoint_2", ("C03",))
    two = table_of(tmp_path)

    assert len(listed(table, Query(text=tmp_path.parent.name))) == 0
    assert listed(two, Query(text="timepoint_2")) == ["C03_s1_w1_z1_t1.tif"]


def test_letters_of_any_alphabet_are_found_in_any_case(tmp_path: Path) -> None:
    write_plate(tmp_path)
    (tmp_path / "A01_s1_w1_z1_t1.tif").rename(tmp_path / "Übersicht.tif")

    assert listed(table_of(tmp_path), Query(text="übersicht")) == ["Übersicht.tif"]
