"""What is published, and what of it a viewer has not adopted yet."""

from dataclasses import dataclass

from hcs_protocol import FileRef, ImageReady, Item

from ._held import Held
from ._overflow import Overflow, OverflowSetting
from ._states import QUEUED, ItemState

BLOCK = OverflowSetting(Overflow("block"))


@dataclass(slots=True, eq=False)  # frozen, it would take several times as long to make
class Outgoing:
    """What is published and has no number yet, whatever its message says."""

    item: Item
    held: Held | None = None
    """None for a message about a run."""
    place: int = 0
    """Which of the image's destinations this viewer is."""
    file: FileRef | None = None
    """Where the same pixels lie in a file, too."""
    layer: str = ""
    """What the newest image supersedes an older one of, where only the latest counts."""
    setting: OverflowSetting = BLOCK


@dataclass(slots=True, eq=False)
class Owed:
    """One published item that the viewer has not adopted yet."""

    outgoing: Outgoing
    item: Item
    held: Held | None
    ticket: int
    """The order of publishing."""
    call: int
    """Which call of `Delivery.enqueue` it came with: these go together."""
    by_frame: bool
    published_at: float
    place: int
    """Which of its destinations, as the journal has them, this viewer is."""
    state: ItemState = QUEUED
    sequence: int = 0
    """The number it is sent by, 0 before."""
    times_sent: int = 0
    viewer_run: str = ""
    """To whom it was sent last."""

    @property
    def nbytes(self) -> int:
        """Bytes of its pixels."""
        return self.held.nbytes if self.held else 0

    @property
    def is_image(self) -> bool:
        """Whether it is an image, no message about a run."""
        return isinstance(self.item, ImageReady)

    @property
    def may_be_dropped(self) -> bool:
        """Whether it waits, was never sent, and its stream's policy gives images up."""
        may = self.state is QUEUED and not self.sequence and self.held is not None
        return may and self.outgoing.setting.overflow.drops

    @property
    def may_be_spilled(self) -> bool:
        """Whether it waits in shared memory that this viewer alone needs, and its stream's policy spills."""
        held = self.held
        if self.state is not QUEUED or held is None or held.on_disk or held.ref is None:
            return False
        return self.outgoing.setting.overflow.policy == "spill" and held.holders == {self.place}

    def needs_frame(self, *, by_block: bool) -> bool:
        """Say whether its pixels go as a frame, given whether the viewer reads this worker's blocks."""
        return self.held is not None and (self.by_frame or not by_block)


@dataclass(frozen=True, slots=True)
class Dropped:
    """Room that this viewer, one of its image's destinations, does not need any more."""

    held: Held
    place: int
