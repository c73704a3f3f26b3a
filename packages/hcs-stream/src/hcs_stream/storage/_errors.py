"""What can go wrong with saving and loading.

HcsError
├── BackendNameError (ValueError)               two backends want one name, or one has none
├── ImageNotFoundError (FileNotFoundError)      no image is at this path, or no folder
├── LossyFormatError (ValueError)               the format would change the pixels
├── NotReadableError (io.UnsupportedOperation)  the backend only streams
├── StorageWriteError (OSError)                 disk full, folder missing or read-only, name too long
├── UnknownBackendError (LookupError)           there is no backend of this name
├── UnknownFormatError (ValueError)             no format has this suffix
├── UnreadableImageError (ValueError)           the file is damaged, or no image; that of a microscope, too
├── UnsafePathError (ValueError)                the path leads out of its folder, or is none
└── WrongBatchError (ValueError)                data and paths do not belong together
"""

import errno
import io
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Self

from hcs_protocol import HcsError


class BackendNameError(HcsError, ValueError):
    """Two backends want one name, or one has none."""


class ImageNotFoundError(HcsError, FileNotFoundError):
    """No image, or no folder, is at this path."""

    def __init__(self, wanted: str, path: Path) -> None:
        super().__init__(wanted, path)
        self.wanted = wanted
        self.path = path

    def __str__(self) -> str:
        return f"wanted {self.wanted}, found none at {str(self.path)!r}"


class LossyFormatError(HcsError, ValueError):
    """The format would change the pixels, and nobody said that it may."""

    def __init__(self, path: Path, found: str, lossless: tuple[str, ...]) -> None:
        super().__init__(path, found, lossless)
        self.path = path
        self.found = found
        self.lossless = lossless

    def __str__(self) -> str:
        return (
            f"wanted what keeps every pixel ({', '.join(self.lossless)}), found {self.found} for "
            f"{str(self.path)!r}, which may change them; say lossy=True if it may"
        )


class NotReadableError(HcsError, io.UnsupportedOperation):
    """The backend only streams: what it was given is in the viewer, and cannot be read here."""

    def __init__(self, backend: str, operation: str) -> None:
        super().__init__(backend, operation)
        self.backend = backend
        self.operation = operation

    def __str__(self) -> str:
        return (
            f"wanted a backend that can {self.operation}, found {self.backend!r}, which only streams: "
            "save to 'disk', 'memory' or 'zarr' too and read there"
        )


class StorageWriteError(HcsError, OSError):
    """It could not be written; nothing lies half-written under the path."""

    def __init__(self, path: Path, number: int, reason: str) -> None:
        super().__init__(path, number, reason)
        self.path = path
        self.errno = number
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot write {str(self.path)!r}: {self.reason}{_ADVICE.get(self.errno or 0, '')}"

    def __reduce__(self) -> tuple[type[Self], tuple[Path, int, str]]:
        """Survive the way from a worker: OSError keeps two of three arguments."""
        return type(self), (self.path, self.errno or 0, self.reason)

    @classmethod
    def of(cls, path: Path, error: OSError) -> "StorageWriteError":
        """Return what the operating system said, with the path and what to do."""
        reason = (
            error.strerror or f"{error}: the disk took less, it may be full"
        )  # as NumPy's, which say no number
        return cls(path, error.errno or 0, reason)


_ADVICE = {
    errno.ENOENT: "; FileManager.ensure_directory makes its folder",
    errno.ENOTDIR: "; what should be its folder is a file",
    errno.EISDIR: "; there is a folder of that name",
    errno.EEXIST: "; there is a file where its folder should be",
    errno.ENOTEMPTY: "; write to another folder",
    errno.ENOSPC: "; make room, or write to another disk",
    errno.EDQUOT: "; your quota of this disk is used up",
    errno.EACCES: "; make the folder writable, or write to another",
    errno.EROFS: "; this disk is read-only, write to another",
    errno.ENAMETOOLONG: "; give it a shorter name",
}


class UnknownBackendError(HcsError, LookupError):
    """There is no backend of this name."""

    def __init__(self, name: str, known: tuple[str, ...], reason: str = "") -> None:
        super().__init__(name, known, reason)
        self.name = name
        self.known = known
        self.reason = reason

    def __str__(self) -> str:
        because = f" ({self.reason})" if self.reason else ""
        return (
            f"wanted one of the backends {', '.join(self.known)}, found {self.name!r}{because}"
            + did_you_mean(self.name, self.known)
        )


class UnknownFormatError(HcsError, ValueError):
    """No format has this suffix."""

    def __init__(self, path: Path, suffixes: tuple[str, ...]) -> None:
        super().__init__(path, suffixes)
        self.path = path
        self.suffixes = suffixes

    def __str__(self) -> str:
        return f"wanted a name that ends in {', '.join(self.suffixes)}, found {str(self.path)!r}"


class UnsafePathError(HcsError, ValueError):
    """The path leads out of its folder, or is no path."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"wanted {self.reason}, found {self.path!r}"


class WrongBatchError(HcsError, ValueError):
    """Data and paths do not belong together."""


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a hint at the nearest of the known names, empty if none is near."""
    near = get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
