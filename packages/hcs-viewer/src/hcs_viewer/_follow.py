"""Which position the sliders go to when they follow the newest image. Pure Python: no pixels, no napari."""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count

from hcs_protocol import RunStarted, Step

from ._axes import Position, Value
from ._inbox import ArrivedImage
from ._layer_models import LayerModel, Z

PLACE = ("plate", "timepoint", "well", "site")
"""The components that are followed; never z, which is the eye's own."""

Place = tuple[Value, ...]
PartKey = tuple[str, Step | None, str]
"""Run, step and kind: images of other ones come with other channels."""


class Part:
    """What came of one step's images, or labels: which channels are at which place, at which z."""

    def __init__(self) -> None:
        self.declared: frozenset[str] = frozenset()
        self.layers: set[LayerModel] = set()
        self._there: dict[str | None, dict[Place, int]] = {}
        """Per channel and place, a bit for each z_index: a plate has millions of them."""
        self._bits: dict[Value, int] = {}
        self._numbers = count()

    def add(self, channel: str | None, place: Place, z_indexes: Sequence[Value]) -> None:
        """Note planes that came."""
        places = self._there.setdefault(channel, {})
        bits = places.get(place, 0)
        for z_index in z_indexes:
            if z_index not in self._bits:
                self._bits[z_index] = 1 << next(self._numbers)
            bits |= self._bits[z_index]
        places[place] = bits

    def is_complete(self, place: Place, z_index: Value) -> bool:
        """Say whether every channel of a place is there to be seen at this z.

        An image without a channel is of all of them, one without z is seen at every z. If no image of this
        step has this z, those at any other do.
        """
        seen = frozenset(channel for channel in self._there if channel is not None)
        wanted = self.declared if seen <= self.declared else seen
        looked_at = self._bits[z_index] | self._bits.get(None, 0) if z_index in self._bits else -1
        if self._there.get(None, {}).get(place, 0) & looked_at:
            return True
        return bool(seen) and all(self._there.get(c, {}).get(place, 0) & looked_at for c in wanted)


class Follow:
    """Goes to the newest position whose channels are all there, until a hand on a slider pauses it."""

    def __init__(self, *, is_on: bool = False) -> None:
        self.is_on = is_on
        self.is_paused = False
        self.changed: Callable[[], None] = lambda: None
        """Called when it is turned on or off, paused or resumed."""
        self._declared: dict[str, frozenset[str]] = {}
        self._parts: dict[PartKey, Part] = {}
        self._fresh: dict[tuple[PartKey, Place], None] = {}
        """Where images came since the last frame, the newest last."""
        self._newest: tuple[str, Place] | None = None
        self._is_news = False

    @property
    def is_following(self) -> bool:
        """Say whether the next complete position is gone to."""
        return self.is_on and not self.is_paused

    def turn(self, is_on: bool) -> None:
        """Follow from now on, beginning with the newest position that came; or no more."""
        self.is_on, self.is_paused = is_on, False
        self._is_news = is_on
        self.changed()

    def pause(self) -> None:
        """Stay, because somebody chose where to look; without effect if nothing is followed."""
        if self.is_following:
            self.is_paused = True
            self.changed()

    def declare(self, started: RunStarted) -> None:
        """Expect the channels that a run declares at every position."""
        self._declared[started.run] = frozenset(map(str, started.channels))
        for (run, _, kind), part in self._parts.items():
            if run == started.run and kind == "image":
                part.declared = self._declared[run]

    def arrived(self, model: LayerModel, positions: Sequence[Position], image: ArrivedImage) -> None:
        """Note an image that was placed."""
        address = image.ready.address
        key = (address.run, address.step, model.key.kind)
        if key not in self._parts:
            self._parts[key] = part = Part()
            part.declared = self._declared.get(address.run, frozenset()) if key[2] == "image" else frozenset()
        components = address.components
        place = (components.plate, components.timepoint, components.well, components.site)
        channel = None if components.channel is None else str(components.channel)
        self._parts[key].layers.add(model)
        self._parts[key].add(channel, place, [position[Z] for position in positions])
        self._fresh.pop((key, place), None)
        self._fresh[key, place] = None

    def wanted(
        self, at: Mapping[str, Value], can_show: Callable[[LayerModel], bool]
    ) -> dict[str, Value] | None:
        """Return where to go now, asked once per frame; None to stay.

        Args:
            at: What the sliders stand for.
            can_show: Whether anything is seen of a layer: what nobody sees is not followed.
        """
        for key, place in reversed(self._fresh):
            part = self._parts[key]
            if part.is_complete(place, at["z_index"]) and any(map(can_show, part.layers)):
                self._newest, self._is_news = (key[0], place), True
                break
        self._fresh.clear()
        if not self.is_following or not self._is_news or self._newest is None:
            return None
        self._is_news = False
        return dict(zip(PLACE, self._newest[1], strict=True))

    def keep(self, runs: Collection[str]) -> None:
        """Forget what came of runs that are no longer among these."""
        self._parts = {key: part for key, part in self._parts.items() if key[0] in runs}
        self._fresh = {entry: None for entry in self._fresh if entry[0] in self._parts}
        if self._newest is not None and self._newest[0] not in runs:
            self._newest = None
