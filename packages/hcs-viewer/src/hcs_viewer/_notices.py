"""What the user must be told, once each. Pure: no napari, no clock of its own."""

import logging
from collections.abc import Callable

from hcs_protocol import RunEnded, plain_text

from ._inbox import Trouble

logger = logging.getLogger(__name__)

MAX_PER_MINUTE = 5
MAX_KNOWN = 1000
"""So many different things are remembered; beyond that nothing new is told."""
MAX_WORDS = 300
"""Letters of what a peer said; the whole of it is in the log."""

AND_MORE = "More has gone wrong: see the status dock and the log."
TEXTS = {
    "refused": "{who} sent an image that cannot be shown: {what}.",
    "malformed": "{who} sent what cannot be read, and the images in it are not shown: {what}.",
    "recovered": "{who} ended without a goodbye; what it left is shown.",
    "dropped": "{who} gave up images that this viewer did not take in time (its policy is {what}).",
    "no memory": "There is no memory for more images; {who} keeps them: {what}.",
}
"""By the kind of trouble."""
NAMES = {"ArrivedImage": "An image", "a frame": "The window"}
"""Of what is drawn, for people."""


class Notices:
    """Tells the user what is new, a few things a minute; whatever happens, it raises nothing."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float]) -> None:
        """Make it.

        Args:
            tell: Shows a sentence to the user.
            clock: Seconds, from any origin.
        """
        self._tell = tell
        self._clock = clock
        self._known: set[tuple[str, ...]] = set()
        self._told_at: list[float] = []

    def trouble(self, trouble: Trouble) -> None:
        """Tell what went wrong with images on their way."""
        who = f"Worker {trouble.who}" if trouble.who else "A worker"
        key = (trouble.kind, trouble.who, _kind(trouble.what))
        text = TEXTS.get(trouble.kind, "{who}: {what}.")
        self._once(key, text.format(who=_short(who), what=_short(trouble.what.rstrip("."))))

    def run_ended(self, news: RunEnded) -> None:
        """Tell that a run failed."""
        if news.state == "failed":
            reason = f": {_short(news.error)}" if news.error else "."
            self._once(("failed", news.run), f"Run {_short(news.run)!r} failed{reason}")

    def not_drawn(self, what: str, error: Exception) -> None:
        """Tell that napari could not draw something."""
        kind = type(error).__name__
        name, reason = NAMES.get(what, _short(what)), _short(str(error) or kind)
        self._once(("not drawn", what, kind), f"{name} could not be drawn: {reason}")

    def kept_away(self, layer: str) -> None:
        """Tell that images come for a layer that the user deleted."""
        text = f"Images still come for {_short(layer)!r}, which you took away."
        self._once(("away", layer), f"{text} New ones are shown again after 'hcs-stream clear'.")

    def store_problem(self, problem: str | None) -> None:
        """Tell what keeps the store from making room, unless nothing does."""
        if problem:
            self._once(("store", _kind(problem)), f"Images stay in memory: {_short(problem)}")

    def _once(self, key: tuple[str, ...], text: str) -> None:
        if key in self._known or len(self._known) >= MAX_KNOWN:
            return
        self._known.add(key)
        now = self._clock()
        self._told_at = [at for at in self._told_at if now - at < 60]
        if len(self._told_at) > MAX_PER_MINUTE:
            return
        self._told_at.append(now)
        try:
            self._tell(plain_text(text) if len(self._told_at) <= MAX_PER_MINUTE else AND_MORE)
        except Exception:  # a notice is not worth an image
            logger.exception("notice not shown text=%s", text)


def _kind(what: str) -> str:
    """Return what the same reason has in common with other numbers and names in it."""
    return "".join(letter for letter in what.partition(":")[0] if not letter.isdigit())


def _short(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain if len(plain) <= MAX_WORDS else f"{plain[:MAX_WORDS]}…"
