import pytest
from msgspec.structs import replace

from hcs_protocol import AXES, DTYPES, MAX_NBYTES, ImageSpec, UnsupportedArrayError

PLANE = ImageSpec(shape=(1080, 1280), dtype="uint16")


def test_an_image_has_as_many_bytes_as_its_pixels() -> None:
    assert PLANE.nbytes == 1080 * 1280 * 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_dtype_can_be_drawn(dtype: str) -> None:
    replace(PLANE, dtype=dtype).check()


@pytest.mark.parametrize(("axes", "shape"), list(zip(AXES, [(4, 5), (3, 4, 5), (4, 5, 3)], strict=True)))
def test_each_order_of_axes_can_be_drawn(axes: tuple[str, ...], shape: tuple[int, ...]) -> None:
    ImageSpec(shape=shape, dtype="uint8", axes=axes).check()


def test_an_image_may_be_as_large_as_its_limit() -> None:
    largest = ImageSpec(shape=(1 << 12, 1 << 12, 1 << 12), dtype="uint8", axes=("z", "y", "x"))
    largest.check()

    with pytest.raises(UnsupportedArrayError, match=f"{MAX_NBYTES} bytes"):
        replace(largest, dtype="uint16").check()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dtype": "complex64"}, "complex64"),
        ({"axes": ("x", "y")}, "axes"),
        ({"axes": ("z", "y", "x")}, "axes"),
        ({"shape": (1080, 1280, 2), "axes": ("y", "x", "c")}, "3 or 4 colours"),
        ({"shape": (1080, 1280, 5), "axes": ("y", "x", "c")}, "3 or 4 colours"),
        ({"shape": (1080, 1280, 3), "axes": ("y", "x", "c"), "kind": "labels"}, "labels"),
        ({"dtype": "float32", "kind": "labels"}, "labels"),
        ({"shape": (0, 1280)}, "shape"),
        ({"shape": (1, (1 << 24) + 1)}, "shape"),
        ({"pixel_size": (0.0, 0.325)}, "micrometres"),
        ({"pixel_size": (0.325, float("nan"))}, "micrometres"),
        ({"z_step": float("inf")}, "micrometres"),
        ({"z_step": -1.5}, "micrometres"),
        ({"emission_wavelength": 0.0}, "nanometres"),
        ({"emission_wavelength": float("nan")}, "nanometres"),
    ],
)
def test_what_no_viewer_can_draw_is_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(UnsupportedArrayError, match=reason):
        replace(PLANE, **change).check()
