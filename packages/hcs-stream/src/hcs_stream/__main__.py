"""``python -m hcs_stream`` is ``hcs-stream``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
