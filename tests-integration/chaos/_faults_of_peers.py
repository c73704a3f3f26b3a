"""What others say to a viewer while it works."""

from ._junk import send_junk_as_stranger, send_junk_with_key
from ._stage import Stage


def hear_junk_with_key(stage: Stage) -> None:
    """Let a program that has the viewer's key send junk to both ports, too long messages among it."""
    port = stage.any_port()
    stage.aim(stage.any_worker())
    send_junk_with_key(stage.clients[port].connection, stage.random.randrange(1 << 30))


def hear_junk_of_strangers(stage: Stage) -> None:
    """Let programs without the key connect to both ports and babble."""
    port = stage.any_port()
    stage.aim(stage.any_worker())
    send_junk_as_stranger(stage.clients[port].connection)
