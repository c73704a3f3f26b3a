"""How this viewer is started: for the entry point by which pipelines find it."""

import sys


def command() -> list[str]:
    """Return the command line, to which the caller adds ``--data-port`` and what else it wants."""
    return [sys.executable, "-P", "-m", "hcs_viewer"]  # the folder it is started in has no say
