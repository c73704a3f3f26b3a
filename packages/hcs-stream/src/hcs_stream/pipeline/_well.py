"""The images of one well on disk: the unit of work."""

from dataclasses import dataclass

from hcs_stream.microscopes import ImageFile


@dataclass(frozen=True)
class Well:
    """The images of one well on disk."""

    plate: str
    name: str
    images: tuple[ImageFile, ...]
    fingerprint: str = ""
    """What its results depend on, if they are kept."""

    def __str__(self) -> str:
        return f"{self.plate} {self.name}"
