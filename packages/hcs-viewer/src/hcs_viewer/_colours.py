"""Which colour a channel gets."""

import re

from hcs_protocol import ComponentValue

BY_NAME: tuple[tuple[str, str], ...] = (
    (r"dapi|hoechst|nucle|405|blue", "bop blue"),
    (r"gfp|fitc|488|green|calcein", "green"),
    (r"cy5|far.?red|647|640", "magenta"),
    (r"rfp|tritc|cy3|texas|txred|mcherry|561|568|594|orange|red", "bop orange"),
    (r"yfp|514|yellow", "yellow"),
    (r"bright|phase|trans|dic|^bf$|gr[ae]y", "gray"),
)
"""What a channel's name says about its dye, and napari's colormap for it."""

BY_NUMBER = ("bop blue", "bop orange", "bop purple", "green", "magenta", "yellow")
"""For channels whose names say nothing: told apart by colour-blind eyes as far as the first three go."""

SHORTEST_WAVELENGTH = 300
"""In nanometres; channels with smaller numbers are just numbered."""


def channel_colormap(channel: ComponentValue | None) -> str:
    """Return the name of the napari colormap of a channel; grey for images without a channel."""
    if channel is None:
        return "gray"
    text = str(channel).strip().casefold()
    is_number = text.isdecimal() and int(text) < SHORTEST_WAVELENGTH
    for pattern, colormap in BY_NAME:
        if not is_number and re.search(pattern, text):
            return colormap
    number = int(text) - 1 if text.isdecimal() else sum(text.encode())
    return BY_NUMBER[number % len(BY_NUMBER)]
