"""Which colour a channel gets: its light's, else its dye's if its name says one; never another channel's.

Transmitted light is grey, whatever its wavelength.
"""

import re

from hcs_protocol import ComponentValue

TRANSMITTED = "gray"

BY_NAME: tuple[tuple[str, str], ...] = (
    (r"bright.?field|phase|\btrans(?!fe)|\b(?:dic|dpc)\b|^bf$|^tl|gr[ae]y", TRANSMITTED),
    (r"dapi|hoechst|\bdna\b|nucle|\b405\b|blue", "bop blue"),
    (r"cy5|far.?red|deep.?red|640|647|660|680", "magenta"),
    (r"cy7|infra.?red|\bnir\b|750|790", "bop purple"),
    (r"yfp|venus|514|532|yellow", "yellow"),
    (r"gfp|fitc|cy2|488|calcein|green", "green"),
    (r"rfp|tritc|cy3|texas|txred|cherry|tomato|546|555|561|568|594|orange|\bred\b", "bop orange"),
)
"""What a channel's name says about its dye or its wavelength in nanometres, and napari's colormap for it."""

BY_WAVELENGTH: tuple[tuple[float, str], ...] = (
    (470, "bop blue"),
    (500, "cyan"),
    (530, "green"),
    (555, "yellow"),
    (625, "bop orange"),
    (710, "magenta"),
)
"""Up to which emission wavelength, in nanometres, light has napari's colormap."""
INVISIBLE = "bop purple"

IN_TURN = ("bop blue", "bop orange", "bop purple", "green", "magenta", "yellow", "cyan", "red")
"""For names that say nothing, or a dye that is taken; colour-blind eyes tell the first three apart."""

LAST_NUMBER = 100
"""Higher ones are wavelengths."""


class ChannelColours:
    """Colours of channels; a channel keeps its own through all steps and runs."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def of(self, channel: ComponentValue | None, wavelength: float | None = None) -> str:
        """Return the name of the napari colormap of a channel; grey for images without one.

        Args:
            channel: Its name or its number.
            wavelength: Of its light, in nanometres, if its first image says so.
        """
        if channel is None:
            return "gray" if wavelength is None else colormap_of_light(wavelength)
        name = str(channel).strip().casefold()
        if name not in self._given:
            wanted = preferred_colormap(name)
            if wavelength is not None and wanted != TRANSMITTED:
                wanted = colormap_of_light(wavelength)
            self._given[name] = self._choose(wanted)
        return self._given[name]

    def _choose(self, wanted: str | None) -> str:
        free = [colormap for colormap in IN_TURN if colormap not in self._given.values()]
        if wanted == TRANSMITTED or wanted in free or not free:
            return wanted or IN_TURN[len(self._given) % len(IN_TURN)]
        return free[0]


def colormap_of_light(wavelength: float) -> str:
    """Return the colormap of light of a wavelength in nanometres."""
    return next((colormap for longest, colormap in BY_WAVELENGTH if wavelength < longest), INVISIBLE)


def preferred_colormap(name: str) -> str | None:
    """Return the colormap that a channel's name asks for, or its number; None if it says nothing.

    Args:
        name: In small letters.
    """
    if name.isdecimal() and int(name) < LAST_NUMBER:
        return IN_TURN[max(0, int(name) - 1) % len(IN_TURN)]
    return next((colormap for pattern, colormap in BY_NAME if re.search(pattern, name)), None)
