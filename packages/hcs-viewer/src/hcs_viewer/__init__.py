"""A napari window that shows what image-processing pipelines stream to it."""

from importlib.metadata import version

__version__ = version("hcs-viewer")

__all__ = ["__version__"]
