"""What `hcs-stream` can be told: a command each, and what they share."""

from ._completion_command import add_completion_command
from ._manager_command import add_manager_command
from ._plates_command import add_plates_command
from ._run_command import add_run_command
from ._send_command import add_send_command
from ._viewers_command import add_viewers_command
from ._watch_command import add_watch_command

__all__ = [
    "add_completion_command",
    "add_manager_command",
    "add_plates_command",
    "add_run_command",
    "add_send_command",
    "add_viewers_command",
    "add_watch_command",
]
