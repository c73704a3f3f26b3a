"""How an array's bytes are to be read, from its looks and what is said of it."""

from typing import Any

import numpy as np
import pytest

from hcs_protocol import UnsupportedArrayError
from hcs_shm import ArrayWriter
from hcs_stream import _specs
from hcs_stream._specs import KNOWN, Specs, image_spec


class CountingWriter(ArrayWriter):
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def layout(self, array: object) -> tuple[tuple[int, ...], str]:
        self.asked += 1
        return super().layout(array)


@pytest.mark.parametrize(
    ("shape", "dtype", "axes"),
    [
        ((4, 5), "uint16", "yx"),
        ((3, 4, 5), "uint8", "zyx"),
        ((4, 5, 3), "uint8", "yxc"),
        ((4, 5, 4), "uint8", "yxc"),
        ((4, 5, 3), "uint16", "zyx"),
    ],
)
def test_axes_follow_from_shape_and_dtype(shape: tuple[int, ...], dtype: str, axes: str) -> None:
    assert image_spec(shape, dtype, {}).axes == tuple(axes)


def test_axes_can_be_said() -> None:
    assert image_spec((4, 5, 3), "uint8", {"axes": "zyx"}).axes == ("z", "y", "x")
    assert image_spec((4, 5, 3), "float32", {"axes": ("y", "x", "c")}).axes == ("y", "x", "c")


def test_what_may_be_colours_is_taken_as_planes_and_said_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_specs, "_doubted", set())

    image_spec((201, 301, 3), "float64", {})
    image_spec((202, 301, 4), "uint16", {})

    assert [record.getMessage() for record in caplog.records] == [
        "taken as 201 planes of 301 × 3 pixels; say axes='yxc' if these are colours"
    ]


@pytest.mark.parametrize(
    ("shape", "dtype", "said"),
    [
        ((203, 301, 3), "uint8", {}),
        ((203, 301, 3), "float32", {"axes": "zyx"}),
        ((203, 301, 3), "float32", {"axes": "yxc"}),
        ((203, 301, 3), "uint16", {"kind": "labels"}),
        ((203, 301, 5), "float32", {}),
        ((16, 301, 3), "float32", {}),
        ((203, 16, 4), "float32", {}),
        ((203, 3), "float32", {}),
    ],
)
def test_what_is_no_doubt_is_taken_without_a_word(
    shape: tuple[int, ...],
    dtype: str,
    said: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_specs, "_doubted", set())

    image_spec(shape, dtype, said)

    assert not caplog.records


def test_labels_are_never_colours() -> None:
    assert image_spec((4, 5, 3), "uint8", {"kind": "labels"}).axes == ("z", "y", "x")


@pytest.mark.parametrize("shape", [(), (4,), (1, 2, 3, 4), (0, 4)])
def test_other_shapes_are_refused_and_the_right_ones_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnsupportedArrayError, match=r"\(y, x\), \(z, y, x\), or \(y, x, 3 or 4\)"):
        image_spec(shape, "uint8", {})


def test_a_dtype_that_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(UnsupportedArrayError, match="complex64"):
        image_spec((4, 5), "complex64", {})


@pytest.mark.parametrize(("said", "sent"), [(None, None), (0.5, (0.5, 0.5)), ((0.5, 0.25), (0.5, 0.25))])
def test_pixels_are_square_unless_said(said: Any, sent: tuple[float, float] | None) -> None:
    assert image_spec((4, 5), "uint8", {"pixel_size": said}).pixel_size == sent


def test_arrays_that_look_the_same_are_asked_once() -> None:
    writer = CountingWriter()
    specs = Specs(writer)

    found = [specs.of(np.full((4, 5), value, "u2"), {"well": f"A{value}"}) for value in range(3)]

    assert found == [(image_spec((4, 5), "uint16", {}), 40)] * 3
    assert writer.asked == 1


@pytest.mark.parametrize(
    "said",
    [{"kind": "labels"}, {"pixel_size": 0.5}, {"axes": "zyx"}, {"z_step": 2}, {"emission_wavelength": 520}],
)
def test_what_is_said_of_an_array_makes_a_difference(said: Any) -> None:
    specs, array = Specs(ArrayWriter()), np.zeros((4, 5, 3), "u1")

    assert specs.of(array, {}) != specs.of(array, said) == specs.of(array, {**said})


def test_byte_order_and_layout_make_none() -> None:
    specs = Specs(ArrayWriter())
    arrays = [np.zeros((4, 5), dtype, order) for dtype in ("<u2", ">u2") for order in ("C", "F")]

    assert {specs.of(array, {}) for array in arrays} == {(image_spec((4, 5), "uint16", {}), 40)}


def test_what_cannot_be_hashed_is_understood_as_well() -> None:
    spec, _ = Specs(ArrayWriter()).of(np.zeros((4, 5, 3), "f4"), {"axes": ["y", "x", "c"]})

    assert spec.axes == ("y", "x", "c")


def test_not_more_than_so_many_looks_are_remembered() -> None:
    specs = Specs(ArrayWriter())

    for width in range(1, 3 * KNOWN):
        specs.of(np.zeros((1, width), "u1"), {})

    assert len(specs._known) <= KNOWN
