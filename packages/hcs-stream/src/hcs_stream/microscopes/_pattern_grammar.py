"""The grammar of names as a user's pattern says them: ``{well}_f{site}_{channel}.tif``."""

from collections.abc import Sequence
from pathlib import Path

from hcs_stream._unicode import readable

from ._errors import UnnameableImageError
from ._grammar import Description, Grammar, ParsedName, Wanted
from ._image_file import ImageFile
from ._pattern import composed, meaning_of
from ._wells import number, well_at, well_of


class Pattern(Grammar):
    """Names as a pattern says; what other files of the plate are, the makers' grammars know."""

    name = "pattern"

    def __init__(self, pattern: str, makers: Sequence[Grammar] = (), above: tuple[str, ...] = ()) -> None:
        """Read the pattern.

        Args:
            pattern: With components in braces.
            makers: Whose metadata, thumbnails and so on may lie beside the images.
            above: The folders that lead to the plate's own; a pattern may speak of them.

        Raises:
            PatternError: It is none.
        """
        self.pattern = pattern
        self._makers = makers
        self._above = above
        self._meaning = meaning_of(pattern)

    @property
    def depth(self) -> int:
        """How many folders the pattern speaks of."""
        return self._meaning.depth

    @property
    def endings(self) -> tuple[str, ...]:
        """How images end that it may match, in small letters."""
        return self._meaning.endings

    def parse(self, name: str, folders: tuple[str, ...]) -> ParsedName | None:
        """Read an address; what a name says twice has to be the same."""
        last = (*self._above, *folders)[-self.depth :] if self.depth else ()
        found = self._meaning.regex.fullmatch(composed(readable("/".join((*last, name)))))
        if found is None or self.reason_to_skip(name) == "thumbs":  # what else is matched, is meant
            return None
        said: dict[str, list[str]] = {}
        for component, text in zip(self._meaning.groups, found.groups(), strict=True):
            said.setdefault(component, []).append(text)
        wells = _wells(said)
        numbers = {part: {*map(int, said.get(part, ()))} for part in ("site", "z_index", "timepoint")}
        if len(wells) != 1 or None in wells or any(len(values) > 1 for values in numbers.values()):
            return None
        site, z_index, timepoint = (next(iter(values), None) for values in numbers.values())
        channel, plate = said.get("channel", ["1"])[0], said.get("plate", [None])[0]
        is_number = channel.isascii() and channel.isdecimal()
        return ParsedName(
            str(wells.pop()), number(channel) if is_number else channel, site, z_index, timepoint, plate
        )

    def format(self, image: ImageFile) -> Path:
        """Refuse it: of what ``*`` stands for, nobody knows what to write."""
        raise UnnameableImageError(self.pattern, self.name)

    def reason_to_skip(self, name: str) -> str | None:
        """Ask the makers."""
        return next(filter(None, (maker.reason_to_skip(name) for maker in self._makers)), None)

    def describes(self, name: str) -> bool:
        """Ask the makers."""
        return any(maker.describes(name) for maker in self._makers)

    def describe(self, files: Sequence[Path], wanted: Wanted) -> Description:
        """Let the maker read them whose they are."""
        for maker in self._makers:
            if known := [path for path in files if maker.describes(path.name)]:
                return maker.describe(known, wanted)
        return Description()

    def above_plate(self, folders: tuple[str, ...]) -> tuple[str, ...]:
        """Return all folders up to that of the plate: those before the ones that the pattern speaks of."""
        whole = (*self._above, *folders)
        return whole[: max(0, len(whole) - self.depth)]


def _wells(said: dict[str, list[str]]) -> set[str | None]:
    apart = {
        well_at(row, column) if row.isdecimal() else well_of(f"{row}{column}")
        for row in said.get("row", ())
        for column in said.get("column", ())
    }
    return apart | {well_of(well) for well in said.get("well", ())}
