"""Whether an image is streamed: all filters of one configuration together."""

from collections.abc import Mapping
from operator import index
from typing import NamedTuple, SupportsIndex, TypeAlias

from hcs_protocol import Components, Step

from ._filters import ChannelFilter, StepFilter, WellFilter

StepLike: TypeAlias = Step | str | tuple[SupportsIndex, str] | None


class Selection(NamedTuple):
    """What one configuration streams; a filter that is None selects everything."""

    anything: bool
    steps: StepFilter | None
    wells: WellFilter | None
    channels: ChannelFilter | None

    def accepts(self, step: StepLike, components: Mapping[str, object] | Components) -> bool:
        """Say whether an image of this step, with these components of its address, is streamed."""
        if not self.anything or not (self.steps is None or _has(self.steps, step)):
            return False
        value = components.value if isinstance(components, Components) else components.get
        return (self.wells is None or self.wells.accepts(value("well"))) and (
            self.channels is None or self.channels.accepts(value("channel"))
        )


def _has(steps: StepFilter, step: StepLike) -> bool:
    match step:
        case None:
            return False
        case Step(index=number, name=name) | (number, name):
            return steps.accepts(index(number), name)
        case name:
            return steps.accepts(None, name)
