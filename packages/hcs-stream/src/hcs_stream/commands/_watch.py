"""A running acquisition, watched: files that come are sent when they are finished, each once."""

import stat
from collections.abc import Callable
from pathlib import Path

from hcs_protocol import HcsError
from hcs_stream._addresses import ImageKeywords
from hcs_stream.sending import PICTURES, FoundImage, Sender

from ._arrivals import Arrival, Arrivals
from ._finishing import Finishing, Look
from ._plate_knowledge import PlateKnowledge, is_metadata
from ._teller import Teller

TURN_SECONDS = 1.0
SHORTEST_TURN_SECONDS = 0.05


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
        self.skipped: dict[str, list[Path]] = {}
        """Files that are no images of a plate, by the reason."""
        self.problems: dict[Path, str] = {}
        """Of files that could not be read until now, why."""

    def run(self, idle: float | None = None) -> None:
        """Go on until Ctrl-C, or until nothing has come for so many seconds and nothing is waited for."""
        last_news = self._clock()
        while idle is None or self._clock() - last_news < idle or self._finishing.hopeful:
            seconds = self._finishing.seconds_left(TURN_SECONDS if idle is None else min(TURN_SECONDS, idle))
            if self.turn(max(seconds, SHORTEST_TURN_SECONDS)):
                last_news = self._clock()

    def turn(self, seconds: float) -> bool:
        """Wait at most so long for news, and send what is finished; say whether there was any."""
        has_news = False
        for arrival in self._arrivals.wait(seconds):
            has_news |= self._note(arrival)
        if self._has_new_metadata and self._knowledge.refresh():
            self._has_new_metadata = False
            self._tell_of_changes()
        try:
            return self._send_finished() or has_news
        except HcsError as error:  # the viewer does not take anything: the files wait
            self._teller.say(str(error))
            return True

    def _note(self, arrival: Arrival) -> bool:
        path = arrival.path
        if path.suffix.lower() in PICTURES:
            if not self._finishing.has_taken(path):
                return self._finishing.saw(path, is_whole=arrival.is_whole)
            if arrival.is_told and path in self._sent and self._finishing.was_rewritten(path):
                self._teller.say(f"changed after it was sent, and not sent again: {path}")
            return False
        if not is_metadata(path) or self._metadata.get(path) == (now := look(path)):
            return False
        self._metadata[path] = now
        self._has_new_metadata = True
        return True

    def _send_finished(self) -> bool:
        images: list[FoundImage] = []
        due = self._finishing.due()
        for path in due:
            match self._knowledge.of(path):
                case FoundImage() as image:
                    images.append(image)
                case str(why):
                    self._finishing.took(path)
                    self.skipped.setdefault(why, []).append(path)
                case None if self._knowledge.trouble:
                    self._failed(path, self._knowledge.trouble)
        self._tell_of_trouble()
        before = self._sender.sent
        for image, error in self._sender.each(self._knowledge.in_order(images)):
            self._conclude(image, error)
        return self._sender.sent > before

    def _conclude(self, image: FoundImage, error: Exception | None) -> None:
        path = image.file.path
        if error is None:
            self._finishing.took(path)
            self._teller.progress("sent", self._sender.sent)
            self._sent[path] = image.keywords
            if self.problems.pop(path, None) and path in self._told:
                self._teller.say(f"became readable, and is sent: {path}")
            return
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
        if count := self._knowledge.changed(self._sent):
            images = "1 image was" if count == 1 else f"{count} images were"
            self._teller.say(
                f"metadata came after {images} sent: their channels and sizes stay as they are; "
                "'hcs-stream send' with this folder shows all of them anew"
            )
