"""What can be wrong with a plate's folder and with the names in it.

HcsError
├── NoImagesError (LookupError)                 no TIFF file is below the folder
├── NotAPlateFolderError (NotADirectoryError)   the plate's path is a file
├── PlateNotFoundError (FileNotFoundError)      nothing is at the plate's path
├── UnknownFileNameError (ValueError)           no grammar knows the name
└── UnnameableImageError (ValueError)           no name of this maker says that image
"""

from pathlib import Path

from hcs_protocol import HcsError


class NoImagesError(HcsError, LookupError):
    """No TIFF file is below the plate's folder."""

    def __init__(self, folder: Path, others: int) -> None:
        super().__init__(folder, others)
        self.folder = folder
        self.others = others

    def __str__(self) -> str:
        return f"wanted TIFF files, found {self.others} files of other kinds in {str(self.folder)!r}"


class NotAPlateFolderError(HcsError, NotADirectoryError):
    """The plate's path leads to a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"wanted the folder of a plate, found a file at {str(self.path)!r}"


class PlateNotFoundError(HcsError, FileNotFoundError):
    """Nothing is at the plate's path."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"wanted the folder of a plate, found nothing at {str(self.path)!r}"


class UnknownFileNameError(HcsError, ValueError):
    """None of the grammars that were tried knows this file name."""

    def __init__(self, name: str, grammars: tuple[str, ...]) -> None:
        super().__init__(name, grammars)
        self.name = name
        self.grammars = grammars

    def __str__(self) -> str:
        return f"wanted a file name of {' or '.join(self.grammars)}, found {self.name!r}"


class UnnameableImageError(HcsError, ValueError):
    """The name that this image would get reads back as another image, or as none."""

    def __init__(self, name: str, grammar: str) -> None:
        super().__init__(name, grammar)
        self.name = name
        self.grammar = grammar

    def __str__(self) -> str:
        return f"wanted a {self.grammar} name that reads back as the same image, found {self.name!r}"
