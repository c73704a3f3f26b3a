"""Images as workers say them, without pixels, and what of them a layer shows."""

from itertools import product

from hcs_protocol import (
    Components,
    DisplayConfiguration,
    FrameRef,
    ImageAddress,
    ImageReady,
    ImageSpec,
    Step,
)
from hcs_viewer._layer_models import LayerModel
from hcs_viewer._layout import Layout

BLUR = Step(index=2, name="gaussian_blur")


def image(
    *,
    run: str = "r1",
    step: Step | None = BLUR,
    spec: ImageSpec | None = None,
    display: DisplayConfiguration | None = None,
    **components: int | str | None,
) -> ImageReady:
    return ImageReady(
        sequence=1,
        address=ImageAddress(run=run, step=step, components=Components(**components)),
        spec=spec or ImageSpec(shape=(4, 6), dtype="uint16"),
        pixels=FrameRef(frame=1, nbytes=48),
        display=display or DisplayConfiguration(),
    )


def seen(layout: Layout, layer: LayerModel) -> dict[tuple[object, ...], object]:
    """What a layer shows at each slider position: the image's number and the plane in it."""
    steps = product(*(range(length) for length in layout.shape))
    found = {at: layer.planes.get(layout.position(layer, at)) for at in steps}
    return {at: (plane.image, plane.plane) for at, plane in found.items() if plane}
