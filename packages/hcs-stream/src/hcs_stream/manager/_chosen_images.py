"""The images that somebody chose, as they are sent."""

from collections.abc import Iterator, Sequence

from hcs_stream.sending import FoundImage, ImageTable

from ._filters import Rows


class ChosenImages(Sequence[FoundImage]):
    """Images of a table, each made when it is asked for."""

    def __init__(self, table: ImageTable, rows: Rows) -> None:
        self._table = table
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int | slice) -> "FoundImage | Sequence[FoundImage]":  # type: ignore[override]
        if isinstance(index, slice):
            return ChosenImages(self._table, self._rows[index])
        return self._table.image(int(self._rows[index]))

    def __iter__(self) -> Iterator[FoundImage]:
        return (self._table.image(int(row)) for row in self._rows)
