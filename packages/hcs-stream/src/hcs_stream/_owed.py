"""What is published, and what of it a viewer has not adopted yet."""

import msgspec

from hcs_protocol import PLAIN, FileRef, ImageReady, Item

from ._compression import Compression
from ._held import Held
from ._overflow import Overflow, OverflowSetting
from ._states import QUEUED, ItemState

BLOCK = OverflowSetting(Overflow("block"))


class Owed(msgspec.Struct, eq=False):  # a dataclass would take several times as long to make
    """One published item that the viewer has not adopted yet."""

    item: Item
    """Its sequence is a guess until it is sent."""
    held: Held | None = None
    """None for a message about a run."""
    place: int = 0
    """Which of its destinations, as the journal has them, this viewer is."""
    file: FileRef | None = None
    """Where the same pixels lie in a file, too."""
    layer: str = ""
    """What the newest image supersedes an older one of, where only the latest counts."""
    setting: OverflowSetting = BLOCK
    by_frame: bool = False
    """Whether its pixels go as a frame, though the viewer reads blocks."""
    compression: Compression = "auto"
    frame: bytes | None = None
    """Its pixels, compressed, until they are sent."""
    codec: str = ""
    """By which they are, or were; `PLAIN` if they go as they are, empty while that is not known."""
    nbytes: int = 0
    """Bytes of its pixels, once it is queued; none of them go if it lies in a file."""
    ticket: int = 0
    """The order of publishing."""
    call: int = 0
    """Which call of `Delivery.enqueue` it came with: these go together."""
    published_at: float = 0.0
    state: ItemState = QUEUED
    sequence: int = 0
    """The number it is sent by, 0 before."""
    times_sent: int = 0
    viewer_run: str = ""
    """To whom it was sent last."""
    is_refused: bool = False
    """Once it is released: whether the viewer refused it."""
    dropped_by: str = ""
    """Once it is released: the policy that gave it up."""

    @property
    def is_image(self) -> bool:
        """Whether it is an image, no message about a run."""
        return isinstance(self.item, ImageReady)

    @property
    def may_be_dropped(self) -> bool:
        """Whether it waits, was never sent, and its stream's policy gives images up."""
        may = self.state is QUEUED and not self.sequence and self.held is not None
        return may and self.setting.overflow.drops

    @property
    def may_be_spilled(self) -> bool:
        """Whether it waits in shared memory that this viewer alone needs, and its stream's policy spills."""
        held = self.held
        if self.state is not QUEUED or held is None or held.on_disk or held.ref is None:
            return False
        return self.setting.overflow.policy == "spill" and held.holders == {self.place}

    def needs_frame(self, *, by_block: bool) -> bool:
        """Say whether its pixels go as a frame, given whether the viewer reads this worker's blocks."""
        return self.held is not None and (self.by_frame or not by_block or self.held.ref is None)

    @property
    def may_be_plainer(self) -> bool:
        """Whether a plain frame would be another way than that by which it was sent."""
        return self.codec not in {"", PLAIN} or not self.needs_frame(by_block=True)
