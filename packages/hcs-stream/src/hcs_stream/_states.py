"""The states of what is published, and the law of their changes: nothing else decides what may follow what.

Theory of operation. An item waits, goes out, and is released when the viewer says that it has adopted it. A
session that is lost leaves what was in flight in doubt: a viewer that was stopped, or a cut link, may still
hold the old message, and would read the block when it wakes. So nobody touches these pixels until the viewer
is known to have let go of them: it opened a new session, in which it ignores the old one's messages, or its
process is gone. Then the item waits again and is sent once more. Only what was never sent may be dropped.
"""

from collections.abc import Mapping
from enum import IntEnum, auto


class ItemState(IntEnum):
    """Where an image, or a message about a run, is on its way."""

    QUEUED = auto()
    IN_FLIGHT = auto()
    IN_DOUBT = auto()
    RELEASED = auto()


class Event(IntEnum):
    """What happens to it."""

    SENT = auto()
    ADOPTED = auto()
    REFUSED = auto()
    FRAME_WANTED = auto()
    SESSION_LOST = auto()
    LET_GO = auto()
    DROPPED = auto()


QUEUED, IN_FLIGHT, IN_DOUBT, RELEASED = ItemState

TRANSITIONS: Mapping[tuple[ItemState, Event], ItemState] = {
    (QUEUED, Event.SENT): IN_FLIGHT,
    (QUEUED, Event.ADOPTED): QUEUED,  # not said to this session: not to be believed
    (QUEUED, Event.REFUSED): QUEUED,
    (QUEUED, Event.FRAME_WANTED): QUEUED,
    (QUEUED, Event.SESSION_LOST): QUEUED,
    (QUEUED, Event.LET_GO): QUEUED,
    (QUEUED, Event.DROPPED): RELEASED,
    (IN_FLIGHT, Event.ADOPTED): RELEASED,
    (IN_FLIGHT, Event.REFUSED): RELEASED,
    (IN_FLIGHT, Event.FRAME_WANTED): QUEUED,
    (IN_FLIGHT, Event.SESSION_LOST): IN_DOUBT,
    (IN_FLIGHT, Event.LET_GO): IN_FLIGHT,  # the viewer let go of an older session
    (IN_FLIGHT, Event.DROPPED): IN_FLIGHT,
    (IN_DOUBT, Event.ADOPTED): IN_DOUBT,
    (IN_DOUBT, Event.REFUSED): IN_DOUBT,
    (IN_DOUBT, Event.FRAME_WANTED): IN_DOUBT,
    (IN_DOUBT, Event.SESSION_LOST): IN_DOUBT,
    (IN_DOUBT, Event.LET_GO): QUEUED,
    (IN_DOUBT, Event.DROPPED): IN_DOUBT,
    (RELEASED, Event.ADOPTED): RELEASED,  # said twice, after a resend
    (RELEASED, Event.REFUSED): RELEASED,
    (RELEASED, Event.FRAME_WANTED): RELEASED,
    (RELEASED, Event.SESSION_LOST): RELEASED,
    (RELEASED, Event.LET_GO): RELEASED,
    (RELEASED, Event.DROPPED): RELEASED,
}
