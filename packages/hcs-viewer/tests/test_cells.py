"""Where cells lie beside each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_viewer._cells import Cells, best_cells


@pytest.mark.parametrize(
    ("count", "canvas", "columns"),
    [(1, (700, 900), 1), (2, (700, 900), 2), (3, (300, 900), 3), (4, (700, 900), 2), (3, (900, 300), 1)],
)
def test_columns_suit_the_canvas(count: int, canvas: tuple[int, int], columns: int) -> None:
    assert best_cells(count, (512, 512), canvas).columns == columns


@given(st.integers(1, 20), st.integers(1, 20), st.floats(1, 1e4), st.floats(1, 1e4))
def test_no_cell_lies_on_another_one_or_on_its_title(
    count: int, columns: int, height: float, width: float
) -> None:
    cells = Cells(count, columns, (height, width))
    corners = [cells.corner(number) for number in range(count)]

    for y, x in corners:
        for other_y, other_x in corners:
            if (y, x) != (other_y, other_x):
                below = abs(y - other_y) >= height + cells.title_height
                assert below or abs(x - other_x) >= width
