import gc

import numpy as np
import pytest

from hcs_protocol import DTYPES, ImageSpec
from hcs_viewer._slabs import Slabs
from hcs_viewer._store import KeptImage, Store

SPEC = ImageSpec(shape=(2, 3), dtype="uint16")
LARGE = ImageSpec(shape=(256, 512), dtype="uint16")


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_image_is_what_its_bytes_say(dtype: str) -> None:
    pixels = np.arange(6).reshape(2, 3).astype(dtype)
    store = Store()

    number = store.keep(ImageSpec(shape=(2, 3), dtype=dtype), pixels.tobytes())

    assert np.array_equal(store.get(number).pixels, pixels)
    assert store.get(number).pixels.dtype == pixels.dtype


def test_an_image_is_a_copy_that_nobody_can_write_to() -> None:
    source = bytearray(12)
    store = Store()

    kept = store.get(store.keep(SPEC, memoryview(source)))
    source[:] = b"x" * 12

    assert not kept.pixels.any()
    assert not kept.pixels.flags.writeable


@pytest.mark.parametrize("nbytes", [0, 1, 11, 13, 24])
def test_bytes_that_are_more_or_fewer_than_the_spec_says_are_refused(nbytes: int) -> None:
    with pytest.raises(ValueError, match=rf"wanted 12 bytes .* there are {nbytes}"):
        Store().keep(SPEC, bytes(nbytes))


def test_numbers_are_never_used_twice() -> None:
    store = Store()
    first = store.keep(SPEC, bytes(12))
    store.forget(first)

    assert store.keep(SPEC, bytes(12)) != first


def test_a_forgotten_image_is_gone_and_a_second_time_is_harmless() -> None:
    store = Store()
    number = store.put(KeptImage(np.zeros((2, 3), np.uint16), SPEC))

    store.forget(number)
    store.forget(number)

    assert (len(store), store.nbytes) == (0, 0)
    with pytest.raises(KeyError):
        store.get(number)


def test_a_store_knows_how_large_it_is() -> None:
    store = Store()
    store.keep(SPEC, bytes(12))
    store.keep(ImageSpec(shape=(5, 5), dtype="uint8"), bytes(25))

    assert (len(store), store.nbytes) == (2, 37)


def test_the_memory_of_a_forgotten_image_is_used_for_the_next_one() -> None:
    slabs = Slabs()
    store = Store(slabs)

    store.forget(store.keep(LARGE, bytes(LARGE.nbytes)))
    assert slabs.free_nbytes == LARGE.nbytes

    store.keep(LARGE, bytes(LARGE.nbytes))
    assert slabs.free_nbytes == 0


def test_a_forgotten_image_that_somebody_looks_at_keeps_its_pixels() -> None:
    store = Store()
    number = store.keep(LARGE, b"a" * LARGE.nbytes)
    plane = store.get(number).pixels[1:, ::2].T

    store.forget(number)
    gc.collect()
    for _ in range(3):
        store.keep(LARGE, b"b" * LARGE.nbytes)

    assert plane.tobytes() == b"a" * plane.nbytes


def test_a_sample_is_a_few_thousand_pixels_from_all_over_an_image() -> None:
    store = Store()
    pixels = np.arange(1 << 20, dtype="<u4").reshape(1024, 1024)

    sample = store.sample(store.keep(ImageSpec(shape=(1024, 1024), dtype="uint32"), pixels.tobytes()))

    assert 2000 < sample.size < 10_000
    assert sample.min() < 2000
    assert sample.max() > pixels.size - 20_000
