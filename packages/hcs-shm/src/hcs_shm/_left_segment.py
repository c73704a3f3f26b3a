"""A segment that somebody removed and that still owes images: written again when its owner leaves it."""

import os
from pathlib import Path

from ._journal import Journal
from ._platform import make_private_folder, open_new, read_at, reserve, write_at


def write_again(removed: int, new: Path, journal: Journal) -> None:
    """Write header, table and all images that are owed into a new file; none is left if that fails.

    Args:
        removed: A descriptor of the file that has no name any more.
        new: Where to write it.
        journal: Its slot table.

    Raises:
        OSError: There is no room for it, or the folder cannot be used.
    """
    make_private_folder(new.parent)
    descriptor = open_new(new)
    try:
        reserve(descriptor, journal.header.nbytes)
        _copy(removed, descriptor, 0, journal.header.slots_offset)
        for record in journal.all_owed()[0]:
            _copy(removed, descriptor, journal.offset_of(record.index), record.nbytes)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _copy(source: int, target: int, offset: int, nbytes: int) -> None:
    write_at(target, read_at(source, offset, nbytes), offset)
