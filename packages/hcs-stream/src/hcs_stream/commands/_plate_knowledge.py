"""What the plates in a watched folder say of its files: looked up anew when files or metadata came."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from hcs_stream._addresses import ImageKeywords
from hcs_stream.microscopes import NoImagesError, NoMatchError, grammars
from hcs_stream.sending import NOT_MATCHING, FoundImage, LooseNames, of_no_plate, of_plate, open_plates

REST = 4
"""Times as long as the last look took; in between, nothing is looked up."""
REST_SECONDS = 5.0
"""The same after a look that failed."""


class PlateKnowledge:
    """The images of a folder by their paths, and the reasons why other files are none."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float],
        maker: str | None = None,
        pattern: str | None = None,
    ) -> None:
        """Know nothing yet.

        Args:
            folder: Of one plate or of several.
            clock: In seconds.
            maker: Whose file names they are.
            pattern: How they are named; what does not match is left out.
        """
        self._folder = folder
        self._clock = clock
        self._maker = maker
        self._pattern = pattern
        self._images: dict[Path, FoundImage] = {}
        self._skipped: dict[Path, str] = {}
        self.unreadable: dict[Path, str] = {}
        """What has images that are missing here, such as a closed folder, and why."""
        self._places: dict[Path, int] = {}
        self._rests_until = 0.0
        self._loose = LooseNames()
        self.looks = 0
        """How often the folder was looked at."""
        self.trouble = ""
        """Why the folder could not be looked at the last time, if so."""

    def refresh(self) -> bool:
        """Look again, if that is not too soon after the last time; say whether all could be looked at."""
        if self._clock() < self._rests_until:
            return False
        self._look_up()
        return not self.trouble

    def of(self, path: Path) -> FoundImage | str | None:
        """Return an image, or why a file is none of a plate; None if that has to be looked up yet."""
        known = self._known(path)
        if known is None and self.refresh():
            return self._known(path) or self._stranger(path)
        return known

    def in_order(self, images: Iterable[FoundImage]) -> list[FoundImage]:
        """Return images in the order of their plates; those of no plate come last."""
        return sorted(images, key=lambda image: self._places.get(image.file.path, len(self._places)))

    def changed(self, sent: Mapping[Path, ImageKeywords]) -> set[Path]:
        """Return the images that were sent with other words than they would be sent with now."""
        return {
            path
            for path, keywords in sent.items()
            if path in self._images and self._images[path].keywords != keywords
        }

    def _known(self, path: Path) -> FoundImage | str | None:
        return self._images.get(path) or self._skipped.get(path)

    def _stranger(self, path: Path) -> FoundImage | str:
        return NOT_MATCHING if self._pattern is not None else of_no_plate(path, self._loose.name(path))

    def _fail(self, trouble: str) -> None:
        self.trouble = trouble
        self._rests_until = self._clock() + REST_SECONDS

    def _look_up(self) -> None:
        began = self._clock()
        try:
            plates = open_plates(self._folder, maker=self._maker, pattern=self._pattern)
        except NoImagesError as error:
            plates, self.unreadable = [], error.closed
        except NoMatchError:
            plates = []
        except OSError as error:  # a network drive that is away, a folder that is closed itself: files wait
            self._fail(str(error))
            return
        self.trouble = ""
        self.looks += 1
        for plate in plates:
            self.unreadable |= plate.unreadable
        self._images = {image.path: of_plate(image, plate) for plate in plates for image in plate.images}
        self._skipped = {
            path: why for plate in plates for why, paths in plate.skipped.items() for path in paths
        }
        self._places = {path: place for place, path in enumerate(self._images)}
        self._rests_until = self._clock() + REST * (self._clock() - began)


def is_metadata(path: Path) -> bool:
    """Say whether a file is some maker's description of a plate."""
    return any(grammar.describes(path.name) for grammar in grammars().values())
