"""``hcs-viewer``, as `hcs_stream.connect` starts it, with stamps."""

from . import stamps  # isort: skip  # the first stamp comes first

import runpy
import sys


def main() -> None:
    """Be ``hcs-viewer`` with the arguments of this command."""
    stamps.stamp_first_window()
    sys.argv[0] = "hcs-viewer"
    runpy.run_module("hcs_viewer", run_name="__main__")


if __name__ == "__main__":
    main()
