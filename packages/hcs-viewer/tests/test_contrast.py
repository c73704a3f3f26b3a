import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hcs_protocol import DTYPES
from hcs_viewer._contrast import grey_limits, sampled, widened

RAMP = np.linspace(0, 1000, 10_000).reshape(100, 100)


def test_limits_lie_a_little_within_the_lowest_and_the_highest_value() -> None:
    low, high = grey_limits(RAMP)

    assert 0 < low < 10
    assert 990 < high < 1000


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_has_limits(dtype: str) -> None:
    low, high = grey_limits(np.eye(10).astype(dtype))

    assert (low, high) == (0.0, 1.0)


@pytest.mark.parametrize("pixels", [np.zeros((9, 9)), np.full((9, 9), 7, np.uint16), np.full((9, 9), np.nan)])
def test_a_blank_image_has_none(pixels: npt.NDArray[np.generic]) -> None:
    assert grey_limits(pixels) is None


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
    assert grey_limits(np.array([[2**62, 2**62 + 1]], dtype)) is None


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

    assert limits is None or np.nanmin(pixels) <= limits[0] < limits[1] <= np.nanmax(pixels)


@pytest.mark.parametrize(
    ("before", "now", "both"),
    [
        (None, None, None),
        (None, (1.0, 2.0), (1.0, 2.0)),
        ((1.0, 2.0), None, (1.0, 2.0)),
        ((1.0, 2.0), (0.0, 1.5), (0.0, 2.0)),
    ],
)
def test_limits_are_widened_to_hold_both(before: object, now: object, both: object) -> None:
    assert widened(before, now) == both
