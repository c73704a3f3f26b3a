"""Bugs to put into the processes of a trial; the auditor must find each."""

from collections.abc import Callable

import hcs_shm
import hcs_stream._publisher
import hcs_viewer._receiver
from hcs_protocol import BlockRef, BlockReleased, Destination, Message, OrphanedImage
from hcs_shm import BlockPool, Orphans, sweep
from hcs_stream._link import Link
from hcs_viewer._outgoing import Outgoing
from hcs_viewer._sessions import Received

PLANTS = ("skip_resend", "skip_deduplication", "sweep_early", "recycle_early", "drop_release")
KEPT = 97


class SkipsResend(Link):
    """Takes what was in flight for adopted when the session is lost."""

    def drop(self) -> None:
        """Forget what was in flight."""
        for sequence in list(self.delivery._in_flight):
            self.delivery.adopt(sequence)
        super().drop()


class RecyclesEarly(BlockPool):
    """Takes a block back as soon as its image goes out, whoever still has to read it."""

    def number(self, ref: BlockRef, destination: int, sequence: int) -> None:
        """Write the number down, and recycle the block."""
        super().number(ref, destination, sequence)
        self.take_back(ref)


class SweepsEarly(Orphans):
    """Sweeps what dead workers left before it looks for what they owe."""

    def adopt_orphans(
        self, is_ours: Callable[[Destination], bool], adopt: Callable[[OrphanedImage], object]
    ) -> int:
        """Adopt what is left of it."""
        sweep(grace_seconds=0.0)
        return super().adopt_orphans(is_ours, adopt)


class DropsReleases(Outgoing):
    """Never says of some images that they are released."""

    def send(self, identity: bytes, message: Message, *frames: bytes) -> None:
        """Send a message without these."""
        if isinstance(message, BlockReleased):
            told = [sequence for sequence in message.sequences if sequence % KEPT]
            message = BlockReleased(session=message.session, sequences=told)
        super().send(identity, message, *frames)


def plant_in_worker(name: str) -> None:
    """Put a bug into this worker's process."""
    if name == "skip_resend":
        _replace(hcs_stream._publisher, "Link", SkipsResend)
    if name == "recycle_early":
        _replace(hcs_shm, "BlockPool", RecyclesEarly)


def plant_in_viewer(name: str) -> Orphans:
    """Put a bug into this viewer's process; returns what finds orphans there."""
    if name == "skip_deduplication":
        _replace(Received, "__contains__", lambda received, sequence: False)
    if name == "drop_release":
        _replace(hcs_viewer._receiver, "Outgoing", DropsReleases)
    return SweepsEarly() if name == "sweep_early" else Orphans()


def _replace(owner: object, name: str, by: object) -> None:
    setattr(owner, name, by)
