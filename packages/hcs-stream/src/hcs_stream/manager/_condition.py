"""How a viewer is: a pure function of the clock and of what was seen of it."""

import enum
import math

import msgspec

from hcs_protocol import Connection, Pong
from hcs_stream._whereabouts import is_here, machine_name

WELL_SECONDS = 2.0
"""A viewer whose window's thread gave a sign of life within this time is well."""
SLOW_START_SECONDS = 30.0
CLOSING_SECONDS = 10.0
"""How long a viewer that closes may be silent until that is no longer a matter of course."""


class Health(enum.Enum):
    """Which colour and which symbol a viewer gets."""

    WELL = "well"
    WAITING = "waiting"
    """It starts or closes, and will be well or gone by itself."""
    ILL = "ill"


class Process(enum.Enum):
    """What the operating system says of a viewer's process."""

    RUNS = "runs"
    STOPPED = "stopped"
    GONE = "gone"
    ELSEWHERE = "elsewhere"
    """It is another machine's, of which nothing is known."""


class Condition(msgspec.Struct, frozen=True):
    """How a viewer is: its health, a word for it, and in words what is wrong and what helps."""

    health: Health
    word: str
    problem: str = ""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a viewer; all times are of the one clock."""

    connection: Connection
    first_seen: float
    process: Process = Process.RUNS
    has_file: bool = True
    """Whether its connection file is there."""
    rss_nbytes: int | None = None
    """Its memory; None if the process is none of this machine's."""
    pong: Pong | None = None
    """Its last good answer."""
    answered_at: float = -math.inf
    trouble: str = ""
    """Why the last question had no good answer, if there was more than silence."""
    is_asked_to_close: bool = False
    ending: str = ""
    """How it was ended, if it was ended here."""
    refusal: str = ""
    """Why it did not close."""


def condition(seen: Seen, now: float) -> Condition:
    """Say how a viewer is at this time."""
    silence = now - max(seen.answered_at, seen.first_seen)
    return (
        _without_process(seen) or _closing(seen, silence) or _silent(seen, silence) or _answering(seen, now)
    )


def _without_process(seen: Seen) -> Condition | None:
    connection, pid = seen.connection, seen.connection.pid
    match seen.process:
        case Process.GONE if seen.is_asked_to_close:
            return Condition(Health.WAITING, "closing")  # until whoever asked takes note
        case Process.GONE if seen.ending:
            return Condition(Health.ILL, "gone", seen.ending)
        case Process.GONE if seen.pong and seen.pong.state == "closing":
            return Condition(Health.ILL, "gone", "its window was closed")
        case Process.GONE if not (seen.has_file or connection.tunnel):
            return Condition(Health.ILL, "gone", "it has ended; its log may say why")
        case Process.GONE:
            return Condition(Health.ILL, "gone", _without_goodbye(connection))
        case Process.STOPPED:
            said = f"its process is stopped; 'kill -CONT {pid}' lets it go on"
            return Condition(Health.ILL, "frozen", said)
        case Process.ELSEWHERE if not seen.has_file:
            what = "tunnel to" if connection.tunnel else "connection file of"
            said = f"the {what} this viewer on {machine_name(connection)} was removed"
            return Condition(Health.ILL, "gone", said)
    return None


def _without_goodbye(connection: Connection) -> str:
    if connection.tunnel:
        return f"the tunnel to {machine_name(connection) or 'it'} is closed; the viewer may still run"
    return f"its process {connection.pid} is gone, without a goodbye; its log may say why"


def _closing(seen: Seen, silence: float) -> Condition | None:
    closes = seen.is_asked_to_close or (seen.pong is not None and seen.pong.state == "closing")
    if closes and silence <= CLOSING_SECONDS:
        return Condition(Health.WAITING, "closing")
    return None


def _silent(seen: Seen, silence: float) -> Condition | None:
    if silence > WELL_SECONDS:
        if seen.trouble:
            return Condition(Health.ILL, "failed", seen.trouble)
        return Condition(Health.ILL, "not answering", f"no answer for {silence:.0f} s; {_help(seen)}")
    if seen.pong is None:
        return Condition(Health.WAITING, "starting")
    return None


def _answering(seen: Seen, now: float) -> Condition:
    assert seen.pong is not None  # noqa: S101  # else it was silent
    if seen.pong.state == "starting":
        age = now - seen.first_seen
        slow = (
            f"it has been starting for {age:.0f} s; its log may say why" if age > SLOW_START_SECONDS else ""
        )
        return Condition(Health.WAITING, "starting", slow)
    window_age = now - seen.answered_at + seen.pong.window_age_seconds
    if window_age > WELL_SECONDS:
        said = f"its window has not moved for {window_age:.0f} s: it draws very much, or hangs"
        return Condition(Health.ILL, "busy", said)
    return Condition(Health.WELL, "ready", seen.refusal)


def _help(seen: Seen) -> str:
    connection = seen.connection
    if is_here(connection):
        return "if it does not come back, force kill ends it"
    if connection.tunnel:
        return f"is {machine_name(connection)} up? Process {connection.tunnel.pid} keeps the tunnel"
    return f"is {connection.host} up, and its port {connection.control_port} reachable?"
