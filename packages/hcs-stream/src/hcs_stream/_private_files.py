"""Files that no other user can read."""

import errno
import os
import stat
import sys


def open_private(path: str, flags: int) -> int:
    """Open a plain file of this user and close it to others; an ``opener`` for `open`.

    Raises:
        PermissionError: It is another user's, or none that is plain.
    """
    if path == os.devnull:
        return os.open(path, flags)
    descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o600)
    if sys.platform != "win32":
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            os.close(descriptor)
            raise PermissionError(errno.EPERM, "wanted a plain file of this user", path)
        os.fchmod(descriptor, 0o600)
    return descriptor
