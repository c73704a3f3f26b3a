"""A running acquisition, watched: files that come are sent when they are finished, each once."""

import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from hcs_protocol import COMPONENTS, HcsError
from hcs_stream._addresses import ImageKeywords
from hcs_stream.microscopes._errors import CONVERT, OF_MAKERS
from hcs_stream.sending import NOT_MATCHING, PICTURES, FoundImage, Sender

from ._arrivals import Arrival, Arrivals
from ._finishing import Finishing, Look
from ._plate_knowledge import PlateKnowledge, is_metadata
from ._teller import Teller

TURN_SECONDS = 1.0
SHORTEST_TURN_SECONDS = 0.05
CHECKED = 100
"""Images that were sent and are looked at again in a turn, to see whether they have changed."""


def look(path: Path) -> Look | None:
    """Return size and time of the last change of a file; None if it is gone or no file."""
    try:
        state = path.stat()
    except OSError:
        return None
    return (state.st_size, state.st_mtime_ns) if stat.S_ISREG(state.st_mode) else None


class Watch:
    """Takes what arrives, and sends what is finished."""

    def __init__(
        self,
        arrivals: Arrivals,
        finishing: Finishing,
        knowledge: PlateKnowledge,
        sender: Sender,
        teller: Teller,
        clock: Callable[[], float],
    ) -> None:
        self._arrivals = arrivals
        self._finishing = finishing
        self._knowledge = knowledge
        self._sender = sender
        self._teller = teller
        self._clock = clock
        self._metadata: dict[Path, Look | None] = {}
        self._has_new_metadata = False
        self._sent: dict[Path, ImageKeywords] = {}
        self._told: set[Path] = set()
        self._trouble_told = ""
        self._unreadable_told: set[Path] = set()
        self._changes_told: set[Path] = set()
        self._looks = 0
        self._unchecked: deque[Path] = deque()
        self._owners: dict[tuple[object, ...], Path] = {}
        self._others: set[Path] = set()
        self._endings_told: set[str] = set()
        self.skipped: dict[str, list[Path]] = {}
        """Files that are no images of a plate, by the reason."""
        self.problems: dict[Path, str] = {}
        """Of files that could not be read until now, why."""

    def run(self, idle: float | None = None) -> None:
        """Go on until Ctrl-C, or until nothing has come for so many seconds and nothing is waited for."""
        last_news = self._clock()
        while (
            idle is None
            or self._clock() - last_news < idle
            or self._finishing.hopeful
            or self._note_all(self._arrivals.look())
        ):
            seconds = self._finishing.seconds_left(TURN_SECONDS if idle is None else min(TURN_SECONDS, idle))
            if self.turn(max(seconds, SHORTEST_TURN_SECONDS)):
                last_news = self._clock()

    def turn(self, seconds: float) -> bool:
        """Wait at most so long for news, and send what is finished; say whether there was any."""
        has_news = self._note_all(self._arrivals.wait(seconds))
        self._look_for_rewritten()
        if self._has_new_metadata and self._knowledge.refresh():
            self._has_new_metadata = False
        try:
            return self._send_finished() or has_news
        except HcsError as error:  # the viewer does not take anything: the files wait
            self._teller.say(str(error))
            return True

    def _note_all(self, arrivals: Iterable[Arrival]) -> bool:
        return sum(map(self._note, arrivals)) > 0

    def _note(self, arrival: Arrival) -> bool:
        path = arrival.path
        if path.suffix.lower() in PICTURES:
            if not self._finishing.has_taken(path):
                return self._finishing.saw(path, is_whole=arrival.is_whole)
            if arrival.is_told and path in self._sent:
                self._tell_if_rewritten(path)
            return False
        if path.suffix.lower() in OF_MAKERS:
            self._tell_of_other_kind(path)
            return False
        if not is_metadata(path) or self._metadata.get(path) == (now := look(path)):
            return False
        self._metadata[path] = now
        self._has_new_metadata = True
        return True

    def _tell_of_other_kind(self, path: Path) -> None:
        """Say once of each ending that nobody here reads it: else who watches waits for nothing."""
        if path in self._others:
            return
        ending = path.suffix.lower()
        if ending not in self._endings_told:
            self._endings_told.add(ending)
            self._teller.say(f"not sent: {path}: {CONVERT}")
        self._others.add(path)
        self.skipped.setdefault("other", []).append(path)

    def _look_for_rewritten(self) -> None:
        """Look at a few of the images that were sent: on a network drive, nobody tells of them."""
        for _ in range(min(CHECKED, len(self._unchecked))):
            self._unchecked.rotate(-1)
            self._tell_if_rewritten(self._unchecked[-1])

    def _tell_if_rewritten(self, path: Path) -> None:
        if self._finishing.was_rewritten(path):
            self._teller.say(f"changed after it was sent, and not sent again: {path}")

    def _send_finished(self) -> bool:
        images: list[FoundImage] = []
        due = self._finishing.due()
        for path in due:
            match self._knowledge.of(path):
                case FoundImage() as image if (other := self._owner(image)) == path:
                    images.append(image)
                case FoundImage() if other in self._sent:
                    self._skip(path, "duplicates")
                case str(why):
                    self._skip(path, why)
                case None if self._knowledge.trouble:
                    self._failed(path, self._knowledge.trouble)
        self._tell_of_trouble()
        self._tell_of_changes()
        before = self._sender.sent
        for image, error in self._sender.each(self._begun(self._knowledge.in_order(images))):
            self._conclude(image, error)
        return self._sender.sent > before

    def _begun(self, images: Iterable[FoundImage]) -> Iterator[FoundImage]:
        """Yield images, each right before it is read: the last of many waits long for its turn."""
        for image in images:
            self._finishing.begin(image.file.path)
            yield image

    def _owner(self, image: FoundImage) -> Path:
        """Return the file that has this address: the first that was tried, if that did not fail."""
        return self._owners.setdefault(_address(image), image.file.path)

    def _skip(self, path: Path, why: str) -> None:
        self._finishing.took(path)
        if why == NOT_MATCHING and why not in self.skipped:
            self._teller.say(f"not sent, nor are others with names unlike the pattern: {path}")
        self.skipped.setdefault(why, []).append(path)
        if why == "duplicates":
            self._teller.say(f"not sent: {path}: another image has its address")

    def _conclude(self, image: FoundImage, error: Exception | None) -> None:
        path = image.file.path
        if error is None:
            self._finishing.took(path)
            self._teller.progress("sent", self._sender.sent)
            self._sent[path] = image.keywords
            self._unchecked.append(path)
            if self.problems.pop(path, None) and path in self._told:
                self._teller.say(f"became readable, and is sent: {path}")
            return
        del self._owners[_address(image)]  # another one may be readable
        self._failed(path, str(error))

    def _failed(self, path: Path, why: str) -> None:
        self.problems[path] = why
        if self._finishing.failed(path):
            self._told.add(path)
            self._teller.say(f"cannot be read, and is tried on: {path}: {why}")

    def _tell_of_trouble(self) -> None:
        for path, why in self._knowledge.unreadable.items():
            if path not in self._unreadable_told:
                self._unreadable_told.add(path)
                self._teller.say(f"not watched: {path}: {why}")
        trouble, told = self._knowledge.trouble, self._trouble_told
        self._trouble_told = trouble
        if trouble not in ("", told):
            self._teller.say(f"the folder cannot be looked through, and is tried again: {trouble}")

    def _tell_of_changes(self) -> None:
        if self._looks == self._knowledge.looks:
            return
        self._looks = self._knowledge.looks
        changed = self._knowledge.changed(self._sent) - self._changes_told
        self._changes_told |= changed
        if changed:
            images = "1 image" if len(changed) == 1 else f"{len(changed)} images"
            self._teller.say(
                f"files came by which {images} would have other names or sizes; what was sent stays so; "
                "'hcs-stream send' with this folder shows all of them anew"
            )


def _address(image: FoundImage) -> tuple[object, ...]:
    return tuple(image.keywords.get(component) for component in COMPONENTS)
