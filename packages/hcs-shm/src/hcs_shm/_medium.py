"""Where segments lie, in memory and on disk, and how much of it one pool may take."""

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hcs_protocol import runtime_folders, temporary_folder

from ._header import Kind
from ._headroom import chosen_nbytes, disk_headroom, memory_headroom
from ._platform import SHARED_MEMORY, may_be_private

logger = logging.getLogger(__name__)

_SHARED_TEMPORARY = Path("/var/tmp")  # no tmpfs, unlike /tmp: spilled images would fill the memory


@dataclass(frozen=True, kw_only=True, slots=True)
class Medium:
    """One kind of place for segments."""

    kind: Kind
    name: str
    folders: Callable[[], list[Path]]
    """Where to put segments, the best place first."""
    variable: str
    """Names the budget that the user chose."""
    largest: int
    """Bytes that one pool takes at most, if the user chose none."""
    headroom: Callable[[Path], int]
    """Bytes that are free in a folder."""
    advice: str
    advice_if_removed: str
    """What keeps others from removing segments."""

    def chosen_budget(self) -> int | None:
        """Return the budget that the user chose, or None.

        Raises:
            ValueError: It is no number of bytes.
        """
        return chosen_nbytes(self.variable)

    def measured_budget(self, folder: Path) -> int:
        """Return a quarter of what is free; pools that came before have taken theirs from it."""
        return min(self.largest, self.headroom(folder) // 4)


def memory_folders() -> list[Path]:
    """Return where segments of memory may lie, the best place first: ``$HCS_SHM_DIR`` alone, if it is set."""
    if chosen := os.environ.get("HCS_SHM_DIR"):
        return [Path(chosen)]
    shared = [SHARED_MEMORY] if sys.platform == "linux" or os.access(SHARED_MEMORY, os.W_OK) else []
    return [*shared, *runtime_folders()]


def spill_folders(shared: Path = _SHARED_TEMPORARY) -> list[Path]:
    """Return where segments on disk may lie, the best place first: ``$HCS_SPILL_DIR`` alone, if it is set.

    Both survive a reboot. The first may be another user's, who was faster to make it; nobody else makes the
    second one, in this user's home, where there may be little room.
    """
    if chosen := os.environ.get("HCS_SPILL_DIR"):
        return [Path(chosen)]
    if sys.platform == "win32":
        return [temporary_folder() / "hcs" / "spill"]
    private = f"hcs-{os.getuid()}"
    best = shared / private if shared.is_dir() else temporary_folder() / private / "spill"
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return [best, Path(cache, "hcs", "spill")] if os.path.isabs(cache) else [best]


def spill_folder() -> Path:
    """Return where to put segments on disk: the best place that is no other user's."""
    best, *others = spill_folders()
    if may_be_private(best) or not others:
        return best
    logger.warning("spill folder %s is not this user's alone: images go to %s", best, others[0])
    return others[0]


def segment_folders() -> list[Path]:
    """Return all folders in which pools of this user may have put segments, of both kinds."""
    return list(dict.fromkeys([*memory_folders(), *spill_folders()]))


MEMORY = Medium(
    kind=Kind.MEMORY,
    name="shared memory",
    folders=memory_folders,
    variable="HCS_SHM_BUDGET",
    largest=1 << 30,
    headroom=memory_headroom,
    advice="give it more (docker run --shm-size=1g), or name a folder with room in HCS_SHM_DIR",
    advice_if_removed="set RemoveIPC=no in /etc/systemd/logind.conf, or 'loginctl enable-linger'",
)

DISK = Medium(
    kind=Kind.DISK,
    name="spill folder",
    folders=lambda: [spill_folder()],
    variable="HCS_SPILL_BUDGET",
    largest=16 << 30,
    headroom=disk_headroom,
    advice="free some of the disk, or name a folder with room in HCS_SPILL_DIR",
    advice_if_removed="name a folder in HCS_SPILL_DIR that nobody cleans up",
)
