"""A napari viewer in a process of its own, which shows what pipelines send while they run."""

from importlib.metadata import version

from ._settings import ViewerSettings

__version__ = version("hcs-viewer")

__all__ = ["ViewerSettings", "__version__"]
