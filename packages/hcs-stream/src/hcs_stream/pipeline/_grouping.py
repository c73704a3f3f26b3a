"""Which images a step gets together, gathered while they come."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from hcs_protocol import COMPONENTS, Components

from ._images import Images
from ._step import Step, common_order

Key: TypeAlias = tuple[tuple[object, ...], tuple[bool, ...]]


@dataclass(frozen=True, slots=True)
class Group:
    """Images that are one array for a step's functions."""

    components: Components
    """What they have in common."""
    members: list[Images]


class Grouping:
    """Gathers the images of one step, and no more at once than it needs.

    An image outside a stack, as the projection that a maker puts beside its planes, is left out where stacks
    are wanted; without a stack, it is one of one plane.
    """

    def __init__(self, steps: tuple[Step, ...], number: int) -> None:
        """Know how the images come to this step, which is counted from 1."""
        self._axes = steps[number - 1].axes
        earlier = {component for step in steps[:number] for component in step.axes}
        order = common_order(steps)
        end = next((place for place, component in enumerate(order) if component in earlier), len(order))
        self._before = order[:end]

    def of(self, images: Iterable[Images]) -> Iterator[Group]:
        """Yield the groups; each as soon as nothing more can belong to it."""
        waiting: dict[Key, list[Images]] = {}
        block: object = None
        for some in images:
            if not self._axes or some.axes == self._axes:
                yield from self._at_once(some)
                continue
            now = [some.components.value(component) for component in self._before]
            if now != block:
                yield from self._groups(waiting)
                block, waiting = now, {}
            for plane in some.planes():
                waiting.setdefault(self._key(plane), []).append(plane)
        yield from self._groups(waiting)

    def _at_once(self, some: Images) -> Iterator[Group]:
        if self._axes:
            yield Group(some.components, [some])
        else:
            yield from (Group(plane.components, [plane]) for plane in some.planes())

    def _key(self, plane: Images) -> Key:
        """Return what planes of one group have in common, and in which of its axes they have no value."""
        value = plane.components.value
        common = tuple(value(component) for component in COMPONENTS if component not in self._axes)
        return common, tuple(value(axis) is None for axis in self._axes)

    def _groups(self, waiting: dict[Key, list[Images]]) -> Iterator[Group]:
        stacks = {common for common, is_outside in waiting if not any(is_outside)}
        for (common, is_outside), members in waiting.items():
            if any(is_outside) and common in stacks:
                continue  # a projection beside its planes is no volume, and one of them has its address
            components = msgspec.structs.replace(members[0].components, **dict.fromkeys(self._axes))
            yield Group(components, members)
