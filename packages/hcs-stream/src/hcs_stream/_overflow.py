"""What becomes of images when a viewer does not keep up."""

import re
from typing import Literal, Self, cast, get_args

import msgspec

Policy = Literal["spill", "block", "drop_oldest", "latest"]

BLOCK_SECONDS = 60.0
_SAID = re.compile(r"(\w+)(?:\((\d+(?:\.\d*)?)\))?")


class Overflow(msgspec.Struct, frozen=True):
    """What becomes of images for which there is no shared memory left.

    ``spill`` writes them to disk until they can go, and waits when the disk has no room either. ``block``
    waits. ``drop_oldest`` gives up images that were not sent yet, the oldest first. ``latest`` gives up, full
    or not, each image that was not sent yet when the next one of its layer comes.
    """

    policy: Policy = "spill"
    timeout: float = BLOCK_SECONDS
    """Seconds to wait for room where waiting is all that is left; then comes ViewerStalledError."""

    @classmethod
    def of(cls, said: "str | Overflow") -> Self:
        """Return what ``"spill"``, ``"block"``, ``"block(2.5)"``, ``"drop_oldest"`` or ``"latest"`` means.

        Raises:
            ValueError: There is no such policy.
        """
        if isinstance(said, cls):
            return said
        found = _SAID.fullmatch(str(said).strip())
        if found is None or found[1] not in get_args(Policy):
            wanted = ", ".join(get_args(Policy))
            raise ValueError(f"wanted as overflow one of {wanted}, or block(seconds), got {said!r}")
        seconds = BLOCK_SECONDS if found[2] is None else float(found[2])
        return cls(cast("Policy", found[1]), seconds)

    @property
    def drops(self) -> bool:
        """Whether images may be given up."""
        return self.policy in {"drop_oldest", "latest"}

    def __str__(self) -> str:
        return f"block({self.timeout:g})" if self.policy == "block" else self.policy


class OverflowSetting:
    """One stream's policy, which may change while its images wait."""

    def __init__(self, overflow: Overflow) -> None:
        self.overflow = overflow
