"""Blocks of shared memory, lent by one process and opened by others."""

from importlib.metadata import version

__version__ = version("hcs-shm")

__all__ = ["__version__"]
