"""What the window answers: its state, a plane, a screenshot; and what it does when asked."""

import io
import logging
from collections.abc import Iterable
from typing import assert_never

import numpy as np

from hcs_protocol import (
    COMPONENTS,
    Clear,
    Done,
    Failed,
    GetImage,
    GetState,
    ImagePixels,
    ImageSpec,
    LayerState,
    Navigate,
    Screenshot,
    ScreenshotTaken,
    Shutdown,
    State,
)

from ._axes import Value
from ._frames import after_paint
from ._inbox import Answer, Question
from ._layer_models import LayerModel
from ._layers import ShownLayer
from ._layout import Layout
from ._window import Window
from ._words import find_steps

logger = logging.getLogger(__name__)


def answer(window: Window, question: Question) -> None:
    """Answer a request; one that cannot be met gets Failed, and the window lives on."""
    try:
        answered = _answer(window, question)
    except LookupError as error:
        answered = Answer(question.identity, Failed(reply_to=question.request.id, error=str(error.args[0])))
    except Exception as error:  # whoever asked waits for an answer, whatever napari raised
        logger.exception("request failed request=%s", type(question.request).__name__)
        answered = Answer(question.identity, Failed(reply_to=question.request.id, error=repr(error)))
    if isinstance(question.request, Navigate):
        after_paint(lambda: window.to_receiver.put(answered))
    else:
        window.to_receiver.put(answered)


def _answer(window: Window, question: Question) -> Answer:
    identity = question.identity
    match question.request:
        case GetState(id=request):
            return Answer(identity, _state(window, request))
        case GetImage() as asked:
            return _image(window, identity, asked)
        case Navigate() as asked:
            _navigate(window, asked)
        case Clear() as asked:
            window.remove(_to_clear(window.layout.layers, asked))
        case Screenshot(id=request, canvas_only=canvas_only):
            png = _screenshot(window, canvas_only=canvas_only)
            return Answer(identity, ScreenshotTaken(reply_to=request, png=png))
        case Shutdown():
            logger.info("shutdown asked")
            window.close_soon()
        case _ as never:
            assert_never(never)
    return Answer(identity, Done(reply_to=question.request.id))


def _state(window: Window, request: str) -> State:
    layout, camera = window.layout, window.viewer.scene.camera
    return State(
        reply_to=request,
        layers=[_layer_state(layout, shown) for shown in window.shown.from_bottom()],
        axes={component: list(axis.values) for component, axis in layout.axes.items()},
        position=dict(window.sliders.at),
        camera_center=[float(value) for value in camera.center],
        camera_zoom=float(camera.zoom),
        canvas_size=(int(window.viewer.canvas.size[0]), int(window.viewer.canvas.size[1])),
        progress=dict(window.runs.progress),
    )


def _layer_state(layout: Layout, shown: ShownLayer) -> LayerState:
    layer, model = shown.layer, shown.model
    limits = getattr(layer, "contrast_limits", None)
    return LayerState(
        name=layer.name,
        run=model.run,
        kind=model.first.spec.kind,
        images=model.image_count,
        shape=list(layer.data.shape),
        dtype=str(layer.data.dtype),
        visible=layer.visible,
        colormap=getattr(getattr(layer, "colormap", None), "name", ""),
        contrast_limits=(float(limits[0]), float(limits[1])) if limits else None,
        components=_values(layout, model),
    )


def _values(layout: Layout, model: LayerModel) -> dict[str, list[Value]]:
    there = {c: {position[place] for position in model.planes} for place, c in enumerate(COMPONENTS)}
    return {
        c: [value for value in dict.fromkeys((None, *layout.axes[c].values)) if value in there[c]]
        for c in COMPONENTS
        if c in model.stacked
    }


def _image(window: Window, identity: bytes, asked: GetImage) -> Answer:
    shown = _named(window, asked.layer)
    model = shown.model
    position = window.layout.position_of(model, window.sliders.at | model.pinned | _given(asked))
    if position not in model.planes:
        raise LookupError(f"{asked.layer!r} has no image at {dict(zip(COMPONENTS, position, strict=True))}")
    pixels = np.ascontiguousarray(shown.stack.plane(position))
    axes = ("y", "x") if pixels.ndim == 2 else ("y", "x", "c")
    spec = ImageSpec(shape=pixels.shape, dtype=pixels.dtype.name, axes=axes, kind=model.first.spec.kind)
    return Answer(identity, ImagePixels(reply_to=asked.id, spec=spec), (pixels.tobytes(),))


def _navigate(window: Window, asked: Navigate) -> None:
    if asked.visible_layers is not None:
        wanted = {_named(window, name).layer.name for name in asked.visible_layers}
        for shown in window.shown.from_bottom():
            shown.set_visible(shown.layer.name in wanted)
    given = _given(asked)
    for component, value in given.items():
        axis = window.layout.axes[component]
        if axis.values and value not in axis:
            there = ", ".join(map(str, axis.values[:20]))
            if value is None:
                if any(component in model.absent for model in window.layout.layers):
                    continue  # it is seen wherever the slider stands
                raise LookupError(f"no image is without {component}; there are {there}")
            raise LookupError(f"no image has {component} {value!r}; there are {there}")
    window.sliders.go_to(given, by_hand=True)


def _to_clear(layers: Iterable[LayerModel], asked: Clear) -> list[LayerModel]:
    of_run = [model for model in layers if asked.run in {None, model.run}]
    if asked.step is None:
        return of_run
    wanted = find_steps(asked.step, (model.key.step for model in of_run if model.key.step))
    return [model for model in of_run if model.key.step in wanted]


def _given(asked: GetImage | Navigate) -> dict[str, Value]:
    values = {c: asked.components.value(c) for c in COMPONENTS}
    given = {c: value for c, value in values.items() if value is not None}
    return given | dict.fromkeys(asked.without)


def _named(window: Window, name: str) -> ShownLayer:
    for shown in window.shown.from_bottom():
        if shown.layer.name == name:
            return shown
    names = [shown.layer.name for shown in window.shown.from_bottom()]
    raise LookupError(f"wanted one of the layers {names!r}, not {name!r}")


def _screenshot(window: Window, *, canvas_only: bool) -> bytes:
    from PIL import Image as PngImage  # slow to import, and no image waits for it

    pixels = window.viewer.screenshot(canvas_only=canvas_only, flash=False)
    png = io.BytesIO()
    PngImage.fromarray(pixels).save(png, format="PNG")
    return png.getvalue()
