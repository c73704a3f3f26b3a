"""Which colour a channel gets: its light's, else its dye's if its name says one, else one that is left.

Transmitted light is grey, whatever its wavelength.
"""

import re

from hcs_protocol import ComponentValue

TRANSMITTED = "gray"
TRANSMITTED_LIGHT = "|".join(
    (
        r"bright.?field|\btrans(?!fe)|\b(?:dic|dpc)\b|^bf$|^tl(?![a-z])",
        r"^phase|phase.?contrast|(?:digital|quantitative).phase",  # not those of cells that divide
    )
)

BY_NAME: tuple[tuple[str, str], ...] = (
    (rf"{TRANSMITTED_LIGHT}|gr[ae]y", TRANSMITTED),
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
"""For channels that are called by numbers; colour-blind eyes tell the first three apart."""

REST = ("red", "cyan", "bop purple", "yellow", "magenta", "bop orange", "green", "bop blue")
"""For names that say nothing, or a colour that is taken: those first that dyes seldom ask for."""

LAST_NUMBER = 100
"""Higher ones are wavelengths."""


class ChannelColours:
    """Colours of channels; a channel keeps its own through all steps and runs.

    The first dye or light of a colour has it, also if a channel of which that is not known had it before.
    """

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._asked_for: set[str] = set()
        """Colours of dyes and lights that have them."""

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
            asked_for = preferred_colormap(name)
            if wavelength is not None and asked_for != TRANSMITTED:
                asked_for = colormap_of_light(wavelength)
            self._given[name] = self._choose(asked_for, colormap_of_number(name))
        return self._given[name]

    def _choose(self, asked_for: str | None, in_turn: str | None) -> str:
        if asked_for == TRANSMITTED:
            return TRANSMITTED
        if asked_for is not None and asked_for not in self._asked_for:
            self._asked_for.add(asked_for)
            return asked_for
        taken = self._given.values()
        left = [colormap for colormap in (in_turn, *REST) if colormap is not None and colormap not in taken]
        return left[0] if left else asked_for or in_turn or REST[len(taken) % len(REST)]


def colormap_of_light(wavelength: float) -> str:
    """Return the colormap of light of a wavelength in nanometres."""
    return next((colormap for longest, colormap in BY_WAVELENGTH if wavelength < longest), INVISIBLE)


def preferred_colormap(name: str) -> str | None:
    """Return the colormap that a channel's name asks for; None if it says nothing.

    Args:
        name: In small letters.
    """
    return next((colormap for pattern, colormap in BY_NAME if re.search(pattern, name)), None)


def is_transmitted(channel: ComponentValue) -> bool:
    """Say whether a channel's name says that it is of light that went through the cells."""
    return re.search(TRANSMITTED_LIGHT, str(channel).strip().casefold()) is not None


def colormap_of_number(name: str) -> str | None:
    """Return the colormap of a channel that is called by its number; None if it is called otherwise."""
    is_number = name.isdecimal() and int(name) < LAST_NUMBER
    return IN_TURN[max(0, int(name) - 1) % len(IN_TURN)] if is_number else None
