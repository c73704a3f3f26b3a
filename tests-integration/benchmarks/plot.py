"""The picture of a run: what an image costs each way, and our ratios beside their bars."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lanes.pixels import SIZES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, THEIRS, MISSED = "#1f6fb4", "#a8b0b8", "#c23b22"
PANEL_INCHES = 4.2


def draw(
    path: Path,
    microseconds: Mapping[str, float],
    ratios: Mapping[str, float],
    bars: Mapping[str, float],
) -> str | None:
    """Write a PNG and return its path; None where matplotlib is not installed.

    Args:
        path: Where to.
        microseconds: Medians by what took them; floods are called ``flood SIZE, WAY``.
        ratios: By their keys.
        bars: What ratios are to be at most, by their keys.
    """
    try:
        from matplotlib.figure import Figure  # optional: tests do without
    except ImportError:
        return None
    figure = Figure(figsize=(PANEL_INCHES * 5, PANEL_INCHES), layout="constrained")
    panels = figure.subplots(1, len(SIZES) + 1)
    for panel, size in zip(panels, SIZES, strict=False):
        _draw_floods(panel, size, microseconds)
    _draw_ratios(panels[-1], ratios, bars)
    figure.savefig(path, dpi=150)
    return str(path)


def draw_bars(path: Path, ratios: Mapping[str, float], bars: Mapping[str, float]) -> str | None:
    """Write a PNG of ratios beside their bars; returns its path, None where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure  # optional: tests do without
    except ImportError:
        return None
    figure = Figure(figsize=(PANEL_INCHES * 2, PANEL_INCHES), layout="constrained")
    _draw_ratios(figure.subplots(), ratios, bars)
    figure.savefig(path, dpi=150)
    return str(path)


def _draw_floods(panel: "Axes", size: str, microseconds: Mapping[str, float]) -> None:
    prefix = f"flood {size}, "
    found = {
        name.removeprefix(prefix): value for name, value in microseconds.items() if name.startswith(prefix)
    }
    names = sorted(found, key=lambda name: -found[name])
    colours = [OURS if name.startswith("ours") else THEIRS for name in names]
    marks = panel.barh(names, [found[name] / 1000 for name in names], color=colours)
    panel.bar_label(marks, fmt="%.3g", padding=3, fontsize=8)
    panel.margins(x=0.15)
    panel.set_title(f"a flood of {size.upper()} images")
    panel.set_xlabel("milliseconds for one image, until it is checked")
    _undress(panel)


def _draw_ratios(panel: "Axes", ratios: Mapping[str, float], bars: Mapping[str, float]) -> None:
    keys = [key for key in reversed(list(bars)) if key in ratios]
    shares = [ratios[key] / bars[key] for key in keys]
    colours = [OURS if share <= 1 else MISSED for share in shares]
    marks = panel.barh(keys, shares, color=colours)
    labels = [f"{ratios[key]:.3g} of {bars[key]:g}" for key in keys]
    panel.bar_label(marks, labels, padding=3, fontsize=8)
    panel.axvline(1, color=MISSED, linewidth=1)
    panel.margins(x=0.25)
    panel.set_title("ours / its bar")
    _undress(panel)


def _undress(panel: "Axes") -> None:
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)
