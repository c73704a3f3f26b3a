"""A virtual screen for the windows, where there is none."""

import os
from contextlib import AbstractContextManager, nullcontext

from pyvirtualdisplay.display import Display


def a_screen() -> AbstractContextManager[object]:
    """Have a screen meanwhile: the one that is there, else one of our own."""
    if os.environ.get("DISPLAY"):
        return nullcontext()
    return Display(size=(1600, 1200), extra_args=["-noreset"])
