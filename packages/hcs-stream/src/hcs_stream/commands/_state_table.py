"""What a viewer's window shows, as tables for people."""

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hcs_protocol import ComponentValue, LayerState, State
from hcs_stream._viewer import Viewer
from hcs_stream._whereabouts import port_of
from hcs_stream.sending import printable

SHOWN_VALUES = 8
"""So many values of a slider are listed; of more, the first and the last."""


def state_table(viewer: Viewer, state: State) -> RenderableType:
    """Return layers from top to bottom, as in the window's list, then sliders, runs and camera."""
    known = viewer.connection
    headline = [Text(printable(known.title), "bold"), Text(f"data {port_of(known)}")]
    parts = [_layers(state.layers), *_sliders(state), *_runs(state), _camera(state)]
    return Group(Text("  ").join(headline), *(Padding(part, (0, 0, 0, 2), expand=False) for part in parts))


def _layers(layers: Iterable[LayerState]) -> RenderableType:
    layers = list(layers)
    if not layers:
        return Text("no layers")
    table = _table(
        "layer", "kind", "shown", ("images", "right"), "shape", "dtype", "contrast", "colormap", "run"
    )
    for layer in reversed(layers):
        table.add_row(
            printable(layer.name),
            layer.kind,
            "yes" if layer.visible else "no",
            str(layer.images),
            "×".join(map(str, layer.shape)),
            printable(layer.dtype),
            _contrast(layer),
            printable(layer.colormap),
            printable(layer.run),
        )
    return table


def _contrast(layer: LayerState) -> str:
    return "" if layer.contrast_limits is None else "{:g}–{:g}".format(*layer.contrast_limits)


def _sliders(state: State) -> Iterator[RenderableType]:
    axes = {component: values for component, values in state.axes.items() if values}
    if axes:
        table = _table("slider", "at", ("of", "right"), "values")
        for component, values in axes.items():
            at = _value(state.position.get(component))
            table.add_row(printable(component), at, str(len(values)), _values(values))
        yield table


def _values(values: list[ComponentValue | None]) -> str:
    if len(values) > SHOWN_VALUES:
        return f"{_value(values[0])} … {_value(values[-1])}"
    return ", ".join(map(_value, values))


def _value(value: ComponentValue | None) -> str:
    return "–" if value is None else printable(str(value))


def _runs(state: State) -> Iterator[RenderableType]:
    if state.progress:
        table = _table("run", "progress")
        for run, progress in state.progress.items():
            table.add_row(printable(run), printable(progress))
        yield table


def _camera(state: State) -> Text:
    height, width = state.canvas_size
    centre = ", ".join(f"{value:.1f}" for value in state.camera_center)
    return Text(f"camera  zoom {state.camera_zoom:.3g}  centre {centre}  canvas {height} × {width}")


def _table(*names: str | tuple[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), collapse_padding=True, header_style="dim")
    for name in names:
        if isinstance(name, tuple):
            table.add_column(name[0], justify="right")
        else:
            table.add_column(name, overflow="fold")
    return table
