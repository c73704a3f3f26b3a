"""Where only the latest image of each layer counts: what older ones give way to newer ones."""

from collections.abc import Sequence

from hcs_protocol import COMPONENTS, DimensionMode, ImageReady, layer_name

from ._owed import Owed
from ._publisher import Publisher


def supersede(publisher: Publisher, newer: Sequence[Owed]) -> None:
    """Let what the viewer was not sent yet give way to newer images of the same layers."""
    for owed in newer:
        owed.layer = _layer(owed.item) if isinstance(owed.item, ImageReady) else ""
    for layer in {owed.layer for owed in newer if owed.layer}:
        while publisher.drop("latest", layer):
            pass


def _layer(ready: ImageReady) -> str:
    """Return what names the layer of an image: the newest of a layer is what `latest` keeps."""
    components, display = ready.address.components, ready.display
    sliced = [name for name in COMPONENTS if display.mode(name) is DimensionMode.SLICE]
    return f"{ready.address.run} {ready.spec.kind} {layer_name(ready.address.step, components, sliced)}"
