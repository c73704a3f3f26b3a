"""What can be wrong with a plate's folder and with the names in it.

HcsError
├── GrammarError (TypeError)                    an entry point gives no grammar
├── NoImagesError (LookupError)                 no image is below the folder
├── NoMatchError (LookupError)                  no image is named as the pattern says
├── NotAPlateFolderError (NotADirectoryError)   the plate's path is a file
├── PatternError (ValueError)                   a pattern for names is none
├── PlateNotFoundError (FileNotFoundError)      nothing is at the plate's path
├── UnknownFileNameError (ValueError)           no grammar knows the name
├── UnknownMakerError (LookupError)             there is no grammar of this name
├── UnnameableImageError (ValueError)           no name of this maker says that image
└── UnreadableImageError (ValueError)           the file holds no such image; that of storage, too
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from hcs_protocol import HcsError

ENDINGS_NAMED = 5
EXAMPLE_OF_PATTERN = "{well}_f{site}_{channel}_z{z_index}.tif"
OF_MAKERS = frozenset(
    {".c01", ".czi", ".dib", ".dv", ".flex", ".ims", ".lif", ".lsm", ".mvd2", ".nd2"}
    | {".oib", ".oif", ".oir", ".scn", ".sld", ".stk", ".vsi", ".zvi"}
)
"""How the names of images end that are neither TIFF nor OME-NGFF."""
CONVERT = "export such files as TIFF, or convert them with bioformats2raw"
_ADDRESS = re.compile(r"[a-z][a-z0-9+]+:/", re.IGNORECASE)  # as a path, "s3://" has lost a slash


class GrammarError(HcsError, TypeError):
    """An entry point of the group ``hcs.microscopes`` leads to no grammar."""

    def __init__(self, entry_point: str, found: str) -> None:
        super().__init__(entry_point, found)
        self.entry_point = entry_point
        self.found = found

    def __str__(self) -> str:
        return (
            f"wanted a Grammar with name, parse and format at the entry point {self.entry_point!r}, "
            f"found {self.found}: mend or uninstall the package that it is from"
        )


class NoImagesError(HcsError, LookupError):
    """No image is below the plate's folder."""

    def __init__(
        self,
        folder: Path,
        others: int,
        closed: Mapping[Path, str] | None = None,
        stores: int = 0,
        endings: tuple[str, ...] = (),
        single_images: tuple[Path, ...] = (),
    ) -> None:
        super().__init__(folder, others, closed, stores, endings, single_images)
        self.folder = folder
        self.others = others
        self.closed = dict(closed or {})
        """Folders that may not be looked into, and what the system says of it."""
        self.stores = stores
        """Zarr stores among the others, which are no plates."""
        self.endings = endings
        """How the names of the others end, the most frequent first."""
        self.single_images = single_images
        """Stores of OME-NGFF that are images of no plate."""

    def __str__(self) -> str:
        if self.single_images:
            return self._of_single_images()
        files = "1 file" if self.others == 1 else f"{self.others} files"
        kinds = f" ({', '.join(self.endings[:ENDINGS_NAMED])})" if self.endings else ""
        found = f"found {files} of other kinds{kinds} in {str(self.folder)!r}"
        closed = "".join(f"; cannot look into {str(path)!r}" for path in self.closed)
        advice = "; of a plate or an image in a Zarr store, say its whole folder" if self.stores else ""
        if not OF_MAKERS.isdisjoint(map(str.lower, self.endings)):
            advice += f"; {CONVERT}"
        return f"wanted TIFF files or an OME-NGFF plate, {found}{closed}{advice}"

    def _of_single_images(self) -> str:
        first, *others = self.single_images
        count = f" and {len(others)} more" if others else ""
        return (
            "wanted TIFF files or an OME-NGFF plate, found an OME-NGFF image of no plate at "
            f"{str(first)!r}{count}: 'hcs-stream send' shows it"
        )


class NoMatchError(HcsError, LookupError):
    """Images are below the plate's folder, and none is named as the pattern says."""

    def __init__(self, pattern: str, others: int, example: str) -> None:
        super().__init__(pattern, others, example)
        self.pattern = pattern
        self.others = others
        self.example = example
        """One of those that there are, with as many folders as the pattern has."""

    def __str__(self) -> str:
        found = "1 image" if self.others == 1 else f"{self.others} images"
        return (
            f"wanted images named like {self.pattern!r}, found {found} of other names, such as "
            f"{self.example!r}: text outside braces has to be there as it is; * stands for anything"
        )


class NotAPlateFolderError(HcsError, NotADirectoryError):
    """The plate's path leads to a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"wanted the folder of a plate, found a file at {str(self.path)!r}"


class PatternError(HcsError, ValueError):
    """A pattern for the names of images that says nothing, or not clearly."""

    def __init__(self, pattern: str, found: str) -> None:
        super().__init__(pattern, found)
        self.pattern = pattern
        self.found = found

    def __str__(self) -> str:
        return (
            "wanted a pattern with {well}, or {row} and {column}, and as needed {plate}, {site}, {channel}, "
            f"{{z_index}}, {{timepoint}}, and * for anything, such as {EXAMPLE_OF_PATTERN!r}; "
            f"found {self.found} in {self.pattern!r}"
        )


class PlateNotFoundError(HcsError, FileNotFoundError):
    """Nothing is at the plate's path."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        is_address = _ADDRESS.match(self.path.as_posix()) is not None
        advice = "; of another machine's plates, mount or copy the folder" if is_address else ""
        return f"wanted the folder of a plate, found nothing at {str(self.path)!r}{advice}"


class UnknownFileNameError(HcsError, ValueError):
    """None of the grammars that were tried knows this file name."""

    def __init__(self, name: str, grammars: tuple[str, ...]) -> None:
        super().__init__(name, grammars)
        self.name = name
        self.grammars = grammars

    def __str__(self) -> str:
        return f"wanted a file name of {' or '.join(self.grammars)}, found {self.name!r}"


class UnknownMakerError(HcsError, LookupError):
    """There is no grammar of this name."""

    def __init__(self, maker: str, known: tuple[str, ...]) -> None:
        super().__init__(maker, known)
        self.maker = maker
        self.known = known

    def __str__(self) -> str:
        near = get_close_matches(self.maker.casefold(), [name.casefold() for name in self.known], 1)
        meant = [name for name in self.known if name.casefold() in near]
        hint = f"; did you mean {meant[0]!r}?" if meant else ""
        return f"wanted a maker among {', '.join(self.known)}, found {self.maker!r}{hint}"


class UnnameableImageError(HcsError, ValueError):
    """The name that this image would get reads back as another image, or as none."""

    def __init__(self, name: str, grammar: str) -> None:
        super().__init__(name, grammar)
        self.name = name
        self.grammar = grammar

    def __str__(self) -> str:
        return f"wanted a {self.grammar} name that reads back as the same image, found {self.name!r}"
