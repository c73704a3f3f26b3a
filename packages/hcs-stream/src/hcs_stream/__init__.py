"""Stream images from a pipeline to a viewer that runs beside it."""

from importlib.metadata import version

__version__ = version("hcs-stream")

__all__ = ["__version__"]
