"""What commands say when something goes wrong."""

import sys

from hcs_stream.sending import printable


def complain(error: Exception | str) -> None:
    """Say on standard error what went wrong."""
    lines = str(error).split("\n")
    sys.stderr.write("\n".join(map(printable, [f"hcs-stream: {lines[0]}", *lines[1:]])) + "\n")
