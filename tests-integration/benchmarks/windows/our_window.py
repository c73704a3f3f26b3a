"""Our viewer, as a user starts it, watched."""

import runpy
import sys

from .watched import watch_next_window


def main() -> None:
    """Be ``hcs-viewer`` with the arguments of this command."""
    watch_next_window()
    sys.argv[0] = "hcs-viewer"
    runpy.run_module("hcs_viewer", run_name="__main__")


if __name__ == "__main__":
    main()
