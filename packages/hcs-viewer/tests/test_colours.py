import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_viewer._colours import IN_TURN, ChannelColours, is_transmitted, preferred_colormap


@pytest.mark.parametrize(
    ("channel", "colormap"),
    [
        ("DAPI", "bop blue"),
        ("Hoechst 33342", "bop blue"),
        ("DNA", "bop blue"),
        (405, "bop blue"),
        ("eGFP", "green"),
        ("488", "green"),
        ("Alexa 488", "green"),
        ("Alexa 555", "bop orange"),
        ("tdTomato", "bop orange"),
        ("TxRed", "bop orange"),
        ("mCherry", "bop orange"),
        ("Cy5", "magenta"),
        ("far red", "magenta"),
        ("MitoTracker Deep Red", "magenta"),
        ("Cy7", "bop purple"),
        ("Infrared", "bop purple"),
        ("YFP", "yellow"),
        ("Brightfield", "gray"),
        ("DIC", "gray"),
    ],
)
def test_a_dyes_name_says_its_colour(channel: int | str, colormap: str) -> None:
    assert ChannelColours().of(channel) == colormap


@pytest.mark.parametrize(
    "name", ["unfiltered", "indicator", "predicted", "transferrin", "er", "agp", "marker x"]
)
def test_a_name_that_only_sounds_like_a_dye_says_nothing(name: str) -> None:
    assert preferred_colormap(name) is None


def test_an_image_without_a_channel_is_grey() -> None:
    assert ChannelColours().of(None) == "gray"


@pytest.mark.parametrize(
    ("wavelength", "colormap"),
    [
        (461, "bop blue"),
        (480, "cyan"),
        (520, "green"),
        (540, "yellow"),
        (600, "bop orange"),
        (670, "magenta"),
        (780, "bop purple"),
    ],
)
@pytest.mark.parametrize("channel", [None, "w1", "GFP", 3])
def test_the_light_says_more_than_the_name(channel: object, wavelength: float, colormap: str) -> None:
    assert ChannelColours().of(channel, wavelength) == colormap


@pytest.mark.parametrize("channel", ["Brightfield", "Digital Phase Contrast", "TL-Brightfield", "DIC"])
def test_transmitted_light_is_grey_at_any_wavelength(channel: str) -> None:
    assert ChannelColours().of(channel, 740) == "gray"


@pytest.mark.parametrize(
    "channel", ["Brightfield high", "Digital Phase Contrast", "Phase", "BF", "TL 10", "TL"]
)
def test_light_that_went_through_the_cells_is_told_by_its_name(channel: str) -> None:
    assert is_transmitted(channel)


@pytest.mark.parametrize("channel", ["S-phase", "metaphase", "transferrin", "tla", "grey", "DAPI", "1"])
def test_what_only_sounds_like_transmitted_light_is_none(channel: str) -> None:
    assert not is_transmitted(channel)


def test_channels_of_the_same_light_differ() -> None:
    colours = ChannelColours()

    assert colours.of("w1", 520) != colours.of("w2", 525)


@pytest.mark.parametrize(
    "panel",
    [
        ["DNA", "ER", "RNA", "AGP", "Mito"],
        ["DAPI", "Alexa 488", "Alexa 555", "Alexa 647"],
        ["Cy5", "Alexa 647", "Cy3", "mCherry"],
        [0, 1, 2, 3, 4],
        [1, 2, 3, 4, 5, 6],
        ["405", "488", "561", "640"],
        ["DAPI", "GFP", "1", "2", "3", "4"],
        ["mCherry", "Cy5", "TRITC", "DAPI"],
        ["Phalloidin", "Tubulin", "DAPI", "GFP"],
    ],
)
def test_channels_of_one_plate_differ(panel: list[int | str]) -> None:
    colours = ChannelColours()

    given = [colours.of(channel) for channel in panel]

    assert len(set(given)) == len(panel)


@pytest.mark.parametrize(
    "before",
    [[], ["Phalloidin", "Tubulin"], ["1", "2", "3", "4"], ["mCherry", "Cy5", "TRITC"], [*"abcdefgh"]],
)
def test_a_dye_has_its_own_colour_whatever_came_before(before: list[str]) -> None:
    colours = ChannelColours()
    for channel in before:
        colours.of(channel)

    assert colours.of("DAPI") == "bop blue"


def test_numbers_alone_are_told_apart_by_colour_blind_eyes() -> None:
    colours = ChannelColours()

    assert [colours.of(number) for number in (1, 2, 3, 4)] == [*IN_TURN[:4]]


def test_a_channel_keeps_its_colour() -> None:
    colours = ChannelColours()
    first = [colours.of(channel) for channel in ("DAPI", "GFP", 3)]

    assert [colours.of(channel) for channel in (3, "gfp ", "DAPI")] == first[::-1]
    assert colours.of("3") == first[2]


@given(st.lists(st.one_of(st.integers(), st.text()), max_size=30))
def test_any_channels_have_colours(channels: list[int | str]) -> None:
    colours = ChannelColours()

    assert {colours.of(channel) for channel in channels} <= {*IN_TURN, "gray"}
