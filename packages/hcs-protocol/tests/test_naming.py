import pytest

from hcs_protocol import COMPONENTS, Components, Step, layer_name, plain_text, unique_name
from hcs_protocol._naming import TAG

BLUR = Step(index=2, name="gaussian_blur")
IMAGE = Components(plate="P1", timepoint=3, well="A01", site=1, channel="DAPI", z_index=7)


def test_by_default_the_channel_stands_in_the_name() -> None:
    assert layer_name(BLUR, IMAGE, {"channel"}) == "Step_02_gaussian_blur_Channel_DAPI"


def test_well_channel_and_site_stand_in_the_name_when_they_are_sliced() -> None:
    name = layer_name(BLUR, IMAGE, {"site", "channel", "well"})

    assert name == "Step_02_gaussian_blur_Well_A01_Channel_DAPI_Site_001"


def test_all_components_stand_in_the_name_in_one_order() -> None:
    name = layer_name(BLUR, IMAGE, COMPONENTS)

    assert name == "Step_02_gaussian_blur_Plate_P1_Well_A01_Channel_DAPI_Site_001_Z_007_Timepoint_003"


@pytest.mark.parametrize(
    ("site", "word"),
    [(1, "001"), ("1", "001"), (1234, "1234"), ("0012", "012"), (-3, "-03"), ("left edge", "left_edge")],
)
def test_numbers_have_three_digits_and_texts_no_blanks(site: int | str, word: str) -> None:
    assert layer_name(BLUR, Components(site=site), {"site"}) == f"Step_02_gaussian_blur_Site_{word}"


def test_blanks_in_a_steps_name_are_underscores() -> None:
    assert layer_name(Step(index=12, name="find large nuclei"), IMAGE, ()) == "Step_12_find_large_nuclei"


def test_a_component_without_a_value_is_left_out() -> None:
    name = layer_name(BLUR, Components(channel="DAPI"), {"well", "channel"})

    assert name == "Step_02_gaussian_blur_Channel_DAPI"


def test_an_image_without_z_beside_images_with_z_is_a_projection() -> None:
    name = layer_name(BLUR, Components(channel="DAPI"), {"channel"}, projection=True)

    assert name == "Step_02_gaussian_blur_Channel_DAPI_Projection"


@pytest.mark.parametrize(("sliced", "name"), [({"channel"}, "Channel_DAPI"), (set(), "Image")])
def test_images_sent_without_a_step_drop_that_part(sliced: set[str], name: str) -> None:
    assert layer_name(None, IMAGE, sliced) == name


@pytest.mark.parametrize(("number", "name"), [(1, "Channel_DAPI"), (2, "Channel_DAPI [run 2]")])
def test_a_name_that_is_taken_gets_the_runs_number(number: int, name: str) -> None:
    assert unique_name("Channel_DAPI", number) == name


@pytest.mark.parametrize("text", ["<img src='x'>", "well < b>", "a</b>", "<!-- x"])
def test_a_text_that_looks_like_html_is_none_and_looks_the_same(text: str) -> None:
    made = plain_text(text)

    assert TAG.search(made) is None
    assert made.replace("\N{WORD JOINER}", "") == text


@pytest.mark.parametrize("text", ["DAPI", "< 3 µm", "a<", "p<0.05 & q>1"])
def test_any_other_text_is_itself(text: str) -> None:
    assert plain_text(text) == text


def test_a_layers_name_is_no_html() -> None:
    name = layer_name(None, Components(channel="<img src=x>"), {"channel"})

    assert name == "Channel_<\N{WORD JOINER}img_src=x>"
