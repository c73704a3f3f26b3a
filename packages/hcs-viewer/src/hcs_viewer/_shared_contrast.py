"""Steps that show a channel in about the same grey values share their contrast, to be compared."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Protocol

from ._contrast import Limits

ABOUT_THE_SAME = 2.0
"""Limits are shared if what holds them all is at most so many times as wide as the narrowest of them."""


class Contrasted(Protocol):
    """A layer with contrast."""

    @property
    def shares_with(self) -> Hashable:
        """What layers have in common that may share: run, channel, dtype, colours or none."""

    @property
    def own_limits(self) -> Limits | None:
        """What its images ask for, None as long as all are 0."""

    def show_limits(self, limits: Limits) -> None:
        """Draw with these limits, unless the user set others by hand."""


class SharedContrast:
    """The contrast of all layers; it follows from the images there are, not from their order."""

    def __init__(self) -> None:
        self._own: defaultdict[Hashable, dict[Contrasted, Limits]] = defaultdict(dict)
        self._changed: dict[Contrasted, None] = {}

    def note(self, layer: Contrasted) -> None:
        """Note that a layer has a further image."""
        self._changed[layer] = None

    def leave(self, layer: Contrasted) -> None:
        """Forget a layer; the others keep what they show for now. A second time is harmless."""
        self._changed.pop(layer, None)
        self._own[layer.shares_with].pop(layer, None)

    def draw(self) -> None:
        """Show what has changed since the last time; call it once per frame."""
        moved: dict[Hashable, None] = {}
        for layer in self._changed:
            limits, own = layer.own_limits, self._own[layer.shares_with]
            if limits is not None and own.get(layer) != limits:
                own[layer] = limits
                moved[layer.shares_with] = None
        self._changed.clear()
        for group in moved:
            own = self._own[group]
            for layer, limits in zip(own, shared_limits(list(own.values())), strict=True):
                layer.show_limits(limits)


def shared_limits(own: Sequence[Limits]) -> list[Limits]:
    """Return for each pair of limits the pair that it shares with others of about the same range."""
    shared: list[tuple[float, Limits]] = []
    places: dict[int, int] = {}
    for number in sorted(range(len(own)), key=lambda number: (_range(own[number]), own[number])):
        limits = own[number]
        for place, (narrowest, others) in enumerate(shared):
            both = min(others[0], limits[0]), max(others[1], limits[1])
            if _range(both) <= ABOUT_THE_SAME * narrowest:
                shared[place], places[number] = (narrowest, both), place
                break
        else:
            places[number] = len(shared)
            shared.append((_range(limits), limits))
    return [shared[places[number]][1] for number in range(len(own))]


def _range(limits: Limits) -> float:
    return limits[1] - limits[0]
