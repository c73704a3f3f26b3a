"""What is wrong with a file that has no image, wherever it came from."""

from pathlib import Path

from hcs_protocol import HcsError


class UnreadableImageError(HcsError, ValueError):
    """A file is damaged, holds no image, or not the plane that was asked for."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"wanted an image, found {self.reason} at {str(self.path)!r}"
