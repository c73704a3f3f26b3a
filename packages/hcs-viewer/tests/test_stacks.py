import numpy as np
import numpy.typing as npt
import pytest

from hcs_protocol import (
    Components,
    DisplayConfiguration,
    FrameRef,
    ImageAddress,
    ImageReady,
    ImageSpec,
    VariableSizeHandling,
)
from hcs_viewer._layout import Layout
from hcs_viewer._stacks import Stack
from hcs_viewer._store import Store

Array = npt.NDArray[np.generic]
PADDED = DisplayConfiguration(variable_size_handling=VariableSizeHandling.PAD_TO_MAX)


class Laid:
    """A layout, its store and the stack of its first layer."""

    def __init__(self) -> None:
        self.layout, self.store = Layout(), Store()

    def put(self, pixels: Array, axes: str = "yx", **components: int | str) -> None:
        spec = ImageSpec(shape=pixels.shape, dtype=pixels.dtype.name, axes=tuple(axes))
        ready = ImageReady(
            sequence=1,
            address=ImageAddress(components=Components(**components)),
            spec=spec,
            pixels=FrameRef(frame=1, nbytes=spec.nbytes),
            display=PADDED,
        )
        self.layout.place(ready, self.store.keep(spec, pixels.tobytes()))

    @property
    def stack(self) -> Stack:
        return Stack(self.layout, self.layout.layers[0], self.store)


def plane(value: int, shape: tuple[int, ...] = (4, 6), dtype: str = "uint16") -> Array:
    return np.full(shape, value, dtype)


@pytest.fixture
def plate() -> Laid:
    """Three wells and two sites; the last well has the first site alone. Pixels are 10 × well + site."""
    laid = Laid()
    for well, site in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1)):
        laid.put(plane(10 * well + site), well=f"A{well:02d}", site=site)
    return laid


def test_the_shape_is_all_axes_and_a_plane(plate: Laid) -> None:
    stack = plate.stack

    assert stack.shape == (1, 1, 3, 2, 1, 1, 4, 6)
    assert (stack.ndim, stack.size, len(stack), stack.dtype) == (8, 144, 1, np.dtype("uint16"))


def test_a_plane_is_where_its_address_says(plate: Laid) -> None:
    shown = plate.stack[0, 0, 1, 1, 0, 0]

    assert np.array_equal(shown, plane(22))


def test_a_plane_is_not_copied(plate: Laid) -> None:
    assert np.shares_memory(plate.stack[0, 0, 1, 1, 0, 0, :, :], plate.store.get(4).pixels)


def test_a_missing_plane_is_blank(plate: Laid) -> None:
    assert np.array_equal(plate.stack[0, 0, 2, 1, 0, 0, :, :], plane(0))


def test_slices_in_several_axes_keep_all_of_them(plate: Laid) -> None:
    part = plate.stack[0, :, 1:, ::-1, 0, 0, 1:3, 2]

    assert part.shape == (1, 2, 2, 2)
    assert part[0, :, :, 0].tolist() == [[22, 21], [0, 31]]


def test_an_empty_slice_is_empty(plate: Laid) -> None:
    assert plate.stack[:, :, 5:, 0, 0, 0].shape == (1, 1, 0, 4, 6)


@pytest.mark.parametrize(
    "key", [(..., slice(None), slice(None)), (0, ..., 2), (slice(None), slice(None), 1), (..., 1, 0, 0, 2, 0)]
)
def test_every_key_means_what_it_means_to_numpy(plate: Laid, key: tuple[object, ...]) -> None:
    whole = plate.stack[...]

    assert np.array_equal(plate.stack[key], whole[key])


def test_one_index_after_the_other_reads_no_pixels_until_a_plane_is_reached(plate: Laid) -> None:
    stack = plate.stack[0][0][np.int64(1)]

    assert isinstance(stack, Stack)
    assert stack.shape == (2, 1, 1, 4, 6)
    assert np.array_equal(stack[1, 0, 0], plane(22))
    assert np.array_equal(stack[1][0][0], plane(22))


def test_negative_indexes_count_from_the_end(plate: Laid) -> None:
    assert np.array_equal(plate.stack[0, 0, -1, -2, 0, 0], plane(31))
    assert np.array_equal(plate.stack[-1][0][-3][0, 0, 0], plane(11))


@pytest.mark.parametrize("index", [3, -4])
def test_an_index_out_of_bounds_is_refused(plate: Laid, index: int) -> None:
    with pytest.raises(IndexError, match=r"out of bounds .* length 3"):
        plate.stack[0, 0, index, 0, 0, 0]
    with pytest.raises(IndexError, match=r"out of bounds .* length 3"):
        plate.stack[0][0][index]


def test_a_stack_can_be_gone_through_and_ends(plate: Laid) -> None:
    wells = plate.stack[0][0]

    assert [well[0, 0, 0][0, 0] for well in wells] == [11, 21, 31]


def test_a_whole_stack_becomes_an_array(plate: Laid) -> None:
    assert np.array_equal(np.asarray(plate.stack), plate.stack[...])


def test_a_stack_becomes_an_array_of_another_dtype_as_napari_converts_labels(plate: Laid) -> None:
    converted = plate.stack.astype("int64")

    assert converted.dtype == np.int64
    assert np.array_equal(converted, plate.stack[...])


def test_the_planes_of_a_volume_are_z_positions() -> None:
    laid = Laid()
    laid.put(np.stack([plane(value) for value in (7, 8, 9)]), "zyx")

    assert laid.stack.shape == (1, 1, 1, 1, 1, 3, 4, 6)
    assert laid.stack[0, 0, 0, 0, 0, :, 0, 0].tolist() == [7, 8, 9]


def test_smaller_images_are_padded_at_the_bottom_and_on_the_right() -> None:
    laid = Laid()
    laid.put(plane(1, (2, 6)), site=1)
    laid.put(plane(2, (4, 3)), site=2)

    assert laid.stack[0, 0, 0, 0, 0, 0].tolist() == [[1] * 6, [1] * 6, [0] * 6, [0] * 6]
    assert laid.stack[0, 0, 0, 1, 0, 0].tolist() == [[2, 2, 2, 0, 0, 0]] * 4


def test_truth_values_are_shown_as_0_and_1() -> None:
    laid = Laid()
    laid.put(np.eye(3, dtype=bool))

    assert laid.stack.dtype == np.uint8
    assert np.array_equal(laid.stack[0, 0, 0, 0, 0, 0], np.eye(3, dtype=np.uint8))


def test_colours_are_the_last_axis() -> None:
    laid = Laid()
    laid.put(plane(5, (4, 6, 3), "uint8"), "yxc", well="A01")
    laid.put(plane(6, (4, 6, 3), "uint8"), "yxc", well="A02")

    assert laid.stack.shape == (1, 1, 2, 1, 1, 1, 4, 6, 3)
    assert np.array_equal(laid.stack[0, 0, 1, 0, 0, 0, :, :, :], plane(6, (4, 6, 3), "uint8"))
    assert isinstance(laid.stack[0][0][1], Stack)


def test_along_an_axis_that_a_layer_does_not_stack_its_image_is_everywhere() -> None:
    laid = Laid()
    laid.put(plane(9))
    for z_index in (1, 2, 3):
        laid.put(plane(z_index), z_index=z_index)

    assert laid.stack.shape[5] == 3
    assert laid.stack[0, 0, 0, 0, 0, :, 0, 0].tolist() == [9, 9, 9]


def test_a_stack_grows_with_its_axes(plate: Laid) -> None:
    stack = plate.stack

    plate.put(plane(1), well="A00", site=1)

    assert stack.shape[2] == 4
    assert stack[0, 0, :, 0, 0, 0, 0, 0].tolist() == [1, 11, 21, 31]
