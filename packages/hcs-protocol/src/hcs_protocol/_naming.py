"""The names of layers: `Step_02_gaussian_blur_Well_A01_Channel_DAPI_Site_001`."""

import re
from collections.abc import Collection

from ._components import Components
from ._images import Step

PARTS: tuple[tuple[str, str, str], ...] = (
    ("plate", "Plate", ""),
    ("well", "Well", ""),
    ("channel", "Channel", ""),
    ("site", "Site", "03d"),
    ("z_index", "Z", "03d"),
    ("timepoint", "Timepoint", "03d"),
)
"""Component, its word in a name, and the format of a number; in the order of a name."""
TAG = re.compile(r"<(?=\s*[A-Za-z/!?])")
NO_TAG = "<\N{WORD JOINER}"


def layer_name(
    step: Step | None, components: Components, sliced: Collection[str], *, projection: bool = False
) -> str:
    """Return the name of the layer of an image, by the naming rule.

    Args:
        step: The pipeline's step, or None for images sent without one.
        components: The image's components.
        sliced: The components that stand in the name; one without a value is left out.
        projection: Whether this image has no z_index beside images that have one.
    """
    parts = [f"Step_{step.index:02d}_{step.name.replace(' ', '_')}"] if step else []
    for component, word, number_format in PARTS:
        value = components.value(component)
        if component in sliced and value is not None:
            parts += [word, _text(value, number_format)]
    if projection:
        parts.append("Projection")
    return plain_text("_".join(parts) or "Image")


def plain_text(text: str) -> str:
    """Return a text of somebody else's that looks the same and that Qt does not take for HTML.

    As HTML, the name of a channel could have a window open any file of its machine, or wait for a pipe.
    """
    return TAG.sub(NO_TAG, text)


def unique_name(name: str, run_number: int) -> str:
    """Return the name for the n-th run that wants it: the first has it plain, then `` [run 2]``."""
    return name if run_number == 1 else f"{name} [run {run_number}]"


def _text(value: int | str, number_format: str) -> str:
    if number_format and (isinstance(value, int) or value.isdecimal()):
        return format(int(value), number_format)
    return str(value).replace(" ", "_")
