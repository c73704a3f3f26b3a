"""Where cells of equal size lie beside each other so that they are seen as large as possible."""

from dataclasses import dataclass

GAP = 0.05
"""Between cells, as a part of their longer side."""
TITLE = 0.08
"""Room for a title above each cell, as a part of its longer side."""

Size = tuple[float, float]
"""Height and width."""
Corner = tuple[float, float]
"""The upper left one: y, x."""


@dataclass(frozen=True)
class Cells:
    """Cells in rows, one as large as the other."""

    count: int
    columns: int
    size: Size

    @property
    def title_height(self) -> float:
        """Height of the room above each cell."""
        return TITLE * max(self.size)

    @property
    def pitch(self) -> Size:
        """From one corner to the next, down and to the right."""
        gap = GAP * max(self.size)
        return self.size[0] + self.title_height + gap, self.size[1] + gap

    @property
    def extent(self) -> Size:
        """Height and width of all of them together."""
        rows = -(-self.count // self.columns)
        return rows * self.pitch[0], self.columns * self.pitch[1]

    def corner(self, number: int) -> Corner:
        """Return the corner of a cell; they count from 0, along the rows."""
        row, column = divmod(number, self.columns)
        return row * self.pitch[0], column * self.pitch[1]


def best_cells(count: int, size: Size, canvas: Size) -> Cells:
    """Return the cells that are seen largest on a canvas: in as many columns as suit its shape."""
    ways = [Cells(count, columns, size) for columns in range(1, count + 1)]
    return max(ways, key=lambda cells: min(canvas[0] / cells.extent[0], canvas[1] / cells.extent[1]))
