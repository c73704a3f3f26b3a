"""How much is measured of real windows."""

from dataclasses import dataclass

Shape = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class WindowExtent:
    """Shapes and numbers of images; times of gaps are seconds."""

    shape: Shape
    grid_shape: Shape
    """Of the images of a whole plate."""
    viewers: int
    """Fresh viewers, ours and napari's own side by side."""
    firsts: int
    """Images that come first in an empty window, in each viewer."""
    visible: int
    """Images that come one by one to a window that shows the one before, in each viewer."""
    window: int
    """Images whose processor time is measured at once."""
    column: int
    """Images of one layer."""
    plate: int
    """Images of a whole plate."""
    repeats: int
    """How often a layer, and a plate, are sent."""
    gap: float
    """Between two images of a paced stream."""
    grid_gap: float
    ticks: int
    budgets: int
    """How many times its budget a viewer is sent."""
    stream: int
    """Images of a stream that OpenHCS has too."""
    plain: int
    """Images that a pipeline shows by napari's own calls."""

    @property
    def image_nbytes(self) -> int:
        """Bytes of an image."""
        return self.shape[0] * self.shape[1] * 2


FULL_WINDOWS = WindowExtent(
    shape=(2048, 2048),
    grid_shape=(512, 512),
    viewers=4,
    firsts=5,
    visible=12,
    window=100,
    column=1000,
    plate=6000,
    repeats=2,
    gap=0.15,
    grid_gap=0.1,
    ticks=520,
    budgets=4,
    stream=100,
    plain=25,
)
QUICK_WINDOWS = WindowExtent(
    shape=(256, 256),
    grid_shape=(64, 64),
    viewers=1,
    firsts=2,
    visible=2,
    window=5,
    column=20,
    plate=40,
    repeats=1,
    gap=0.02,
    grid_gap=0.02,
    ticks=10,
    budgets=0,
    stream=5,
    plain=2,
)
