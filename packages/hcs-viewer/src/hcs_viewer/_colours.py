"""Which colour a channel gets: its dye's if its name says one, and never another channel's."""

import re

from hcs_protocol import ComponentValue

BY_NAME: tuple[tuple[str, str], ...] = (
    (r"bright.?field|phase|\btrans|\bdic\b|^bf$|^tl|gr[ae]y", "gray"),
    (r"dapi|hoechst|\bdna\b|nucle|\b405\b|blue", "bop blue"),
    (r"cy5|far.?red|deep.?red|640|647|660|680", "magenta"),
    (r"cy7|infra.?red|\bnir\b|750|790", "bop purple"),
    (r"yfp|venus|514|532|yellow", "yellow"),
    (r"gfp|fitc|cy2|488|calcein|green", "green"),
    (r"rfp|tritc|cy3|texas|txred|cherry|tomato|546|555|561|568|594|orange|\bred\b", "bop orange"),
)
"""What a channel's name says about its dye or its wavelength in nanometres, and napari's colormap for it."""

IN_TURN = ("bop blue", "bop orange", "bop purple", "green", "magenta", "yellow", "cyan", "red")
"""For names that say nothing, or a dye that is taken; colour-blind eyes tell the first three apart."""

LAST_NUMBER = 100
"""Higher ones are wavelengths."""


class ChannelColours:
    """Colours of channels; a channel keeps its own through all steps and runs."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def of(self, channel: ComponentValue | None) -> str:
        """Return the name of the napari colormap of a channel; grey for images without one."""
        if channel is None:
            return "gray"
        name = str(channel).strip().casefold()
        if name not in self._given:
            self._given[name] = self._choose(name)
        return self._given[name]

    def _choose(self, name: str) -> str:
        free = [colormap for colormap in IN_TURN if colormap not in self._given.values()]
        wanted = preferred_colormap(name)
        if wanted == "gray" or wanted in free or not free:
            return wanted or IN_TURN[len(self._given) % len(IN_TURN)]
        return free[0]


def preferred_colormap(name: str) -> str | None:
    """Return the colormap that a channel's name asks for, or its number; None if it says nothing.

    Args:
        name: In small letters.
    """
    if name.isdecimal() and int(name) < LAST_NUMBER:
        return IN_TURN[max(0, int(name) - 1) % len(IN_TURN)]
    return next((colormap for pattern, colormap in BY_NAME if re.search(pattern, name)), None)
