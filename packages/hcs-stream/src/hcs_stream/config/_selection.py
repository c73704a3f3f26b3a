"""Whether an image is streamed: all filters of one configuration together."""

from collections.abc import Mapping
from typing import NamedTuple

from hcs_protocol import Components, Step

from ._filters import ChannelFilter, StepFilter, WellFilter


class Selection(NamedTuple):
    """What one configuration streams; a filter that is None selects everything."""

    anything: bool
    steps: StepFilter | None
    wells: WellFilter | None
    channels: ChannelFilter | None

    def accepts(
        self, step: tuple[int, str] | Step | None, components: Mapping[str, object] | Components
    ) -> bool:
        """Say whether an image of this step, with these components of its address, is streamed."""
        if not self.anything or not self._has_step(step):
            return False
        value = components.value if isinstance(components, Components) else components.get
        return (self.wells is None or self.wells.accepts(value("well"))) and (
            self.channels is None or self.channels.accepts(value("channel"))
        )

    def _has_step(self, step: tuple[int, str] | Step | None) -> bool:
        if self.steps is None:
            return True
        if step is None:
            return False
        index, name = (step.index, step.name) if isinstance(step, Step) else step
        return self.steps.accepts(index, name)
