import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hcs_protocol import DTYPES
from hcs_viewer._contrast import GreyValues, grey_limits, rounded, sampled

RAMP = np.linspace(0, 1000, 10_000).reshape(100, 100)


def test_limits_lie_a_little_within_the_lowest_and_the_highest_value() -> None:
    low, high = grey_limits(RAMP)

    assert 0 < low < 10
    assert 990 < high < 1000


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_has_limits(dtype: str) -> None:
    low, high = grey_limits(np.eye(10).astype(dtype))

    assert (low, high) == (0.0, 1.0)


def test_a_blank_image_has_its_value_twice() -> None:
    assert grey_limits(np.full((9, 9), 7, np.uint16)) == (7.0, 7.0)
    assert grey_limits(np.full((9, 9), np.nan)) is None


def test_a_single_bright_pixel_is_seen() -> None:
    pixels = np.zeros((50, 50), np.uint16)
    pixels[20, 30] = 900

    assert grey_limits(pixels) == (0.0, 900.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_what_no_screen_can_draw_is_left_out(bad: float) -> None:
    pixels = RAMP.copy()
    pixels[::2] = bad

    low, high = grey_limits(pixels)

    assert 0 < low < high < 1000


def test_a_volume_is_looked_at_as_a_whole() -> None:
    volume = np.stack([RAMP, RAMP + 5000])

    low, high = grey_limits(volume)

    assert low < 100
    assert high > 5900


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_left_out_of_every_float(dtype: str, bad: float) -> None:
    pixels = np.array([[bad, 1, 2, bad]], dtype)

    assert grey_limits(pixels) == (1.0, 2.0)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_large_integers_that_no_float_tells_apart_are_blank(dtype: str) -> None:
    assert grey_limits(np.array([[2**62, 2**62 + 1]], dtype)) == (2.0**62, 2.0**62)


def test_the_image_is_left_as_it_was() -> None:
    pixels = np.arange(4000)[::-1].reshape(40, 100)
    pixels.flags.writeable = False

    grey_limits(pixels)

    assert pixels[0, 0] == 3999


@pytest.mark.parametrize("shape", [(2048, 2048), (128, 64), (200, 1024, 1024), (1, 9), (3, 64, 64)])
def test_a_sample_is_small_however_large_the_image_is(shape: tuple[int, ...]) -> None:
    pixels = np.broadcast_to(np.uint8(1), shape)

    assert min(pixels.size, 4000) <= sampled(pixels).size < 20_000


@given(
    arrays(st.sampled_from(["uint8", "int16", "float32", "float64"]), array_shapes(min_dims=2, max_dims=3))
)
def test_limits_rise_and_lie_within_the_image(pixels: npt.NDArray[np.generic]) -> None:
    limits = grey_limits(pixels)

    assert limits is None or np.nanmin(pixels) <= limits[0] <= limits[1] <= np.nanmax(pixels)


def pooled(*images: tuple[float, float] | None) -> tuple[float, float] | None:
    greys = GreyValues()
    for limits in images:
        greys.add(limits)
    return greys.limits


def test_limits_hold_those_of_all_images() -> None:
    assert pooled((10, 100), (5, 80)) == (5, 100)


def test_blank_images_have_no_say() -> None:
    assert pooled((900, 900), (10, 100), None) == (10, 100)


def test_among_themselves_blank_images_are_told_apart() -> None:
    assert pooled((100, 100), (300, 300), (200, 200)) == (0, 300)
    assert pooled((-5, -5)) == (-5, 0)
    assert pooled((0, 0), None) is None


@pytest.mark.parametrize("count", [3, 10, 384, 5000])
def test_one_image_with_bright_dust_makes_no_other_dark(count: int) -> None:
    assert pooled(*[(10.0, 100.0)] * (count - 1), (10.0, 65535.0)) == (10, 100)


@pytest.mark.parametrize("count", [50, 500])
def test_one_image_in_fifty_has_no_say(count: int) -> None:
    dusty = [(10.0, 60_000.0)] * (count // 50)

    assert pooled(*[(10.0, 100.0)] * (count - len(dusty)), *dusty) == (10, 100)


def test_a_tenth_of_bright_images_is_seen() -> None:
    assert pooled(*[(10.0, 100.0)] * 90, *[(10.0, 5000.0)] * 10) == (10, 5000)


def test_images_of_nearly_the_same_brightness_keep_their_limits_apart() -> None:
    assert pooled(*[(30_000.0, 30_300.0)] * 5, (29_000.0, 40_000.0)) == (30_000, 30_300)


finite = st.floats(-1e38, 1e38, allow_subnormal=False)
pairs = st.none() | st.tuples(finite, finite).map(sorted).map(tuple)


@given(st.lists(pairs), st.randoms())
def test_the_order_of_images_changes_no_limits(images: list[tuple[float, float]], chance: object) -> None:
    assert pooled(*chance.sample(images, len(images))) == pooled(*images)


def test_a_summary_stays_small() -> None:
    greys = GreyValues()
    for value in range(1, 1 << 16):
        greys.add((0.0, float(value)))

    assert len(greys._high._counts) <= 16 * 64


@given(st.sampled_from(tuple(DTYPES)), st.tuples(finite, finite))
def test_rounded_limits_rise_and_are_near(dtype: str, pair: tuple[float, float]) -> None:
    if not dtype.startswith("float"):
        top = 1 if dtype == "bool" else np.iinfo(dtype).max
        pair = float(round(abs(pair[0]) / 1e38 * top)), float(round(abs(pair[1]) / 1e38 * top))
    limits = min(pair), max(pair)
    if limits[0] == limits[1]:
        return

    low, high = rounded(limits, dtype)

    near = 0.04 * (limits[1] - limits[0])
    assert low < high
    assert (low, high) == pytest.approx(limits, abs=near)


def test_limits_do_not_move_with_every_image() -> None:
    assert rounded((100.0, 1000.0), "uint16") == rounded((103.0, 1007.0), "uint16")


@pytest.mark.parametrize("limits", [(0.0, 5e-324), (-3.4e38, 3.4e38)])
def test_the_smallest_and_the_largest_limits_can_be_drawn(limits: tuple[float, float]) -> None:
    low, high = rounded(limits, "float64")

    assert -np.finfo(np.float32).max <= low < high <= np.finfo(np.float32).max
