"""What `hcs-stream` can be told: a command each, and what they share."""

from ._clear_command import add_clear_command
from ._completion_command import add_completion_command
from ._connection_command import add_connection_command
from ._manager_command import add_manager_command
from ._plates_command import add_plates_command
from ._resend_command import add_resend_command
from ._run_command import add_run_command
from ._screenshot_command import add_screenshot_command
from ._send_command import add_send_command
from ._start_command import add_start_command
from ._state_command import add_state_command
from ._stop_commands import add_kill_command, add_stop_command
from ._viewers_command import add_viewers_command
from ._watch_command import add_watch_command

__all__ = [
    "add_clear_command",
    "add_completion_command",
    "add_connection_command",
    "add_kill_command",
    "add_manager_command",
    "add_plates_command",
    "add_resend_command",
    "add_run_command",
    "add_screenshot_command",
    "add_send_command",
    "add_start_command",
    "add_state_command",
    "add_stop_command",
    "add_viewers_command",
    "add_watch_command",
]
