"""Places of one run's own: folders, ports, and what the children's environment says of them."""

import os
import random
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hcs_protocol import find_free_pair

from .pixels import ROTATED, SLOTS, size_nbytes

ALLOWANCE_NBYTES = 512 << 10
"""For the pool's first small segment, and for headers."""


@dataclass(frozen=True)
class Places:
    """Where a run keeps what it makes."""

    folder: Path
    """For logs, connection files and sockets."""
    memory: Path
    """For what lies in shared memory."""
    disk: Path
    """For what spills; on a real disk where there is one."""
    rotated_nbytes: int
    """Memory over which sources rotate."""

    @property
    def log(self) -> Path:
        """What all children say on standard error."""
        return self.folder / "children.log"

    def environ(self, size: str | None = None) -> dict[str, str]:
        """Return the environment of a child; with a size, its pool has `SLOTS` blocks of it."""
        ours = {
            "HCS_RUNTIME_DIR": self.folder,
            "XDG_STATE_HOME": self.folder,
            "HCS_SHM_DIR": self.memory,
            "HCS_SPILL_DIR": self.disk,
            "HCS_EXIT_TIMEOUT": "5",
            ROTATED: self.rotated_nbytes,
        }
        if size is not None:
            ours["HCS_SHM_BUDGET"] = str(SLOTS[size] * size_nbytes(size) + ALLOWANCE_NBYTES)
        return {**os.environ, **{name: str(value) for name, value in ours.items()}}

    def new_folder(self, name: str) -> Path:
        """Make an empty folder for one lane's sockets."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))


@contextmanager
def own_places(rotated_nbytes: int) -> Iterator[Places]:
    """Make the folders, and remove them."""
    folder, memory, disk = folders = [_new_folder(where) for where in (None, "/dev/shm", "/var/tmp")]
    try:
        yield Places(folder, memory, disk, rotated_nbytes)
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _new_folder(wanted: str | None) -> Path:
    where = wanted if wanted and os.access(wanted, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="hcs-bench-", dir=where))


def free_port() -> int:
    """Return a data port that is free together with its control port."""
    return find_free_pair(random.randrange(20_000, 30_000), _is_free)[0]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
