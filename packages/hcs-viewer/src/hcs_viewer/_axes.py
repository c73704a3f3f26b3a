"""The axes that all layers share, so that one slider moves all of them: which value is at which position."""

from bisect import bisect_left
from collections.abc import Iterator

from hcs_protocol import COMPONENTS, ComponentValue, RunStarted, natural_key

Value = ComponentValue | None
Position = tuple[Value, ...]
"""One value per component of `COMPONENTS`; None for those that a layer does not stack."""

DECLARED = {
    "plate": "plates",
    "timepoint": "timepoints",
    "well": "wells",
    "site": "sites",
    "channel": "channels",
    "z_index": "z_indexes",
}


class Axis:
    """The values that have a slider position, sorted as people sort them; missing comes first.

    While it is held no value moves: one that belongs further to the front comes last, until others may move.
    """

    def __init__(self) -> None:
        self.values: list[Value] = []
        self._keys: list[tuple[object, str, str]] = []
        """Of the values that are sorted; those that came while it was held lie behind them."""
        self._known: set[Value] = set()
        self._last: dict[Value, int] = {}
        """The positions of the values that lie behind."""

    def add(self, value: Value, *, is_held: bool = False) -> bool:
        """Give a value its position and say whether that is new."""
        if value in self._known:
            return False
        self._known.add(value)
        key = _key(value)
        if is_held and (self._last or (self._keys and key < self._keys[-1])):
            self._last[value] = len(self.values)
            self.values.append(value)
            return True
        del self.values[len(self._keys) :]
        for late in (*self._last, value):
            self._insert(late)
        self._last.clear()
        return True

    def index(self, value: Value) -> int:
        """Return the position of a value, 0 if it has none."""
        if value in self._last:
            return self._last[value]
        return bisect_left(self._keys, _key(value)) if value in self._known else 0

    def _insert(self, value: Value) -> None:
        key = _key(value)
        place = bisect_left(self._keys, key)
        self._keys.insert(place, key)
        self.values.insert(place, value)

    def __contains__(self, value: object) -> bool:
        return value in self._known

    def __len__(self) -> int:
        return max(1, len(self.values))


class Axes:
    """One axis per component, in the order of `COMPONENTS`."""

    def __init__(self) -> None:
        self.growth = 0
        """Changes whenever a length does."""
        self.held: frozenset[str] = frozenset()
        """Components whose values stay where they are when others come."""
        self._axes = {component: Axis() for component in COMPONENTS}
        self._declared: dict[str, RunStarted] = {}
        self._stacked_in_run: set[tuple[str, str]] = set()

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""
        return tuple(len(axis) for axis in self._axes.values())

    def __getitem__(self, component: str) -> Axis:
        return self._axes[component]

    def items(self) -> Iterator[tuple[str, Axis]]:
        """Yield each component with its axis."""
        yield from self._axes.items()

    def value(self, component: str, index: int) -> Value:
        """Return what a slider position stands for; None where the axis has no values."""
        values = self._axes[component].values
        return values[index] if 0 <= index < len(values) else None

    def index(self, component: str, value: Value) -> int:
        """Return the slider position of a value, 0 if it has none."""
        return self._axes[component].index(value)

    def add(self, component: str, value: Value) -> None:
        """Give a value its position; a second time is harmless."""
        self.growth += self._axes[component].add(value, is_held=component in self.held)

    def declare(self, started: RunStarted) -> None:
        """Give the values that a run expects their positions before its images come."""
        self._declared[started.run] = started
        for run, component in sorted(self._stacked_in_run):
            if run == started.run:
                self._expect(started, component)

    def expects(self, run: str, component: str, value: Value) -> bool:
        """Say whether a run declared this value of a component."""
        started = self._declared.get(run)
        return started is not None and value in getattr(started, DECLARED[component])

    def stack(self, run: str, component: str) -> None:
        """Note that a layer of this run stacks a component, whose declared values now get positions.

        A second time is harmless.
        """
        if (run, component) in self._stacked_in_run:
            return
        self._stacked_in_run.add((run, component))
        if started := self._declared.get(run):
            self._expect(started, component)

    def clear(self) -> None:
        """Take all positions away; what a run declared it still expects."""
        self._axes = {component: Axis() for component in COMPONENTS}
        self._stacked_in_run.clear()
        self.growth += 1

    def _expect(self, started: RunStarted, component: str) -> None:
        values: list[ComponentValue] = getattr(started, DECLARED[component])
        for value in values:
            self.add(component, value)


def _key(value: Value) -> tuple[object, str, str]:
    return natural_key(value), type(value).__name__, str(value)  # 1, "1", "01": never a tie
