"""Where wells lie on the screen."""

import pytest

from hcs_stream.manager._plate_layout import Layout, Place, name_of, place_of, row_letters, size_of


def all_wells(rows: int, columns: int) -> list[Place]:
    return [Place(row, column) for row in range(rows) for column in range(columns)]


@pytest.mark.parametrize("size", [(2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48)])
def test_a_full_plate_has_its_own_size(size: tuple[int, int]) -> None:
    assert size_of(all_wells(*size)) == size


@pytest.mark.parametrize(
    ("wells", "size"),
    [
        ([], (8, 12)),
        (["A01"], (8, 12)),
        (["E07", "E08"], (8, 12)),
        (["A13"], (16, 24)),
        (["O05"], (16, 24)),
        (["AF48"], (32, 48)),
        (["AH60"], (34, 60)),
    ],
)
def test_a_few_wells_lie_on_the_smallest_usual_plate(wells: list[str], size: tuple[int, int]) -> None:
    assert size_of([place for well in wells if (place := place_of(well))]) == size


@pytest.mark.parametrize("well", ["A01", "B12", "P24", "Z01", "AA01", "AF48"])
def test_a_wells_place_leads_back_to_it(well: str) -> None:
    place = place_of(well)

    assert place is not None
    assert name_of(place) == well


@pytest.mark.parametrize("well", [None, "", "field 1", 3, "A"])
def test_what_is_no_well_has_no_place(well: object) -> None:
    assert place_of(well) is None


@pytest.mark.parametrize("size", [(2, 3), (8, 12), (32, 48)])
@pytest.mark.parametrize("room", [(200.0, 120.0), (420.0, 290.0), (900.0, 300.0), (300.0, 900.0)])
def test_each_well_is_found_where_it_is_drawn_and_all_have_room(
    size: tuple[int, int], room: tuple[float, float]
) -> None:
    layout = Layout(*size, *room)

    for place in layout.places():
        x, y = layout.middle(place)
        assert layout.at(x, y) == place
        well = layout.well(place)
        assert 0 <= well.x <= well.x + well.width <= room[0] + 1e-6
        assert 0 <= well.y <= well.y + well.height <= room[1] + 1e-6


def test_a_rectangle_may_be_drawn_in_any_direction() -> None:
    layout = Layout(8, 12, 400, 300)

    wells = layout.between(Place(3, 5), Place(2, 4))

    assert wells == {Place(2, 4), Place(2, 5), Place(3, 4), Place(3, 5)}


def test_a_header_stands_for_its_whole_row_or_column_and_the_corner_for_all() -> None:
    layout = Layout(8, 12, 400, 300)

    assert layout.between(Place(-1, 2), Place(-1, 3)) == {Place(row, c) for row in range(8) for c in (2, 3)}
    assert layout.between(Place(1, -1), Place(1, -1)) == {Place(1, column) for column in range(12)}
    assert len(layout.between(Place(-1, -1), Place(-1, -1))) == 96


def test_labels_leave_some_out_where_there_is_no_room() -> None:
    small, large = Layout(32, 48, 300, 200), Layout(8, 12, 900, 700)

    assert small.steps(12, 18)[1] > 1
    assert large.steps(12, 18) == (1, 1)


def test_rows_are_lettered_as_on_plates() -> None:
    assert [row_letters(row) for row in (0, 25, 26, 31)] == ["A", "Z", "AA", "AF"]
