import pytest

from hcs_viewer._colours import BY_NAME, BY_NUMBER, channel_colormap


@pytest.mark.parametrize(
    ("channel", "colormap"),
    [
        ("DAPI", "bop blue"),
        ("Hoechst 33342", "bop blue"),
        ("GFP", "green"),
        ("Alexa 488", "green"),
        ("Cy5", "magenta"),
        ("far-red", "magenta"),
        ("mCherry", "bop orange"),
        ("Cy3", "bop orange"),
        ("Brightfield", "gray"),
        ("YFP", "yellow"),
    ],
)
def test_a_dyes_name_says_its_colour(channel: str, colormap: str) -> None:
    assert channel_colormap(channel) == colormap


def test_an_image_without_a_channel_is_grey() -> None:
    assert channel_colormap(None) == "gray"


def test_numbered_channels_differ_and_text_is_no_other_number() -> None:
    colormaps = [channel_colormap(number) for number in range(1, 7)]

    assert len(set(colormaps)) == 6
    assert [channel_colormap(str(number)) for number in range(1, 7)] == colormaps


@pytest.mark.parametrize(("channel", "colormap"), [(405, "bop blue"), ("488", "green"), (561, "bop orange")])
def test_a_wavelength_is_no_channel_number(channel: int | str, colormap: str) -> None:
    assert channel_colormap(channel) == colormap


@pytest.mark.parametrize("channel", [-1, 0, "", "²", "Kanal Ω", "9" * 500])
def test_any_channel_has_a_colour(channel: int | str) -> None:
    assert channel_colormap(channel) in {*BY_NUMBER, *(colormap for _, colormap in BY_NAME)}


def test_the_same_name_always_has_the_same_colour() -> None:
    assert channel_colormap("marker X") == channel_colormap("marker X")
