"""Arrays on a real CUDA device: bit for bit, and in order with what is computed there."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from hcs_protocol import DTYPES, DeviceError, LentBlock, PixelCopy
from hcs_shm import ArrayWriter, BlockPool, to_numpy
from hcs_shm._cuda import cuda_runtime
from hcs_shm._device import DeviceCopies
from hcs_shm._libraries import source_of

try:
    runtime, why_none = cuda_runtime(), ""
except DeviceError as error:
    why_none = str(error)

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(why_none), reason=why_none)]

LIBRARIES = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("torch", "cupy", "jax")]
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "whole": lambda a: a,
    "a window": lambda a: a[:, 3:60, 5:70],
    "a window of a plane": lambda a: a[1, 3:60, 5:70],
    "every other row": lambda a: a[1, ::2],
    "every other pixel": lambda a: a[1, :, ::2],
    "transposed": lambda a: a[1].T,
}


@pytest.fixture
def pool() -> Iterator[BlockPool]:
    pool = BlockPool()
    yield pool
    pool.close()


@pytest.fixture
def torch() -> Any:
    return found("torch")


def found(library: str) -> Any:
    """Import a library; skip if it is missing, or was built without CUDA."""
    module = pytest.importorskip(library, exc_type=ImportError)
    without = {
        "torch": lambda: not module.cuda.is_available(),
        "jax": lambda: module.default_backend() not in {"cuda", "gpu"},
        "cupy": lambda: not module.cuda.is_available(),
    }
    if without[library]():
        pytest.skip(f"{library} sees no CUDA device")
    return module


def on_device(library: str, array: np.ndarray) -> Any:
    """Bring an array to the device."""
    module = found(library)
    match library:
        case "torch":
            return module.from_numpy(array).cuda()
        case "cupy":
            return module.asarray(array)
        case _:
            wide = module if hasattr(module, "enable_x64") else module.experimental
            with wide.enable_x64(True):
                return module.device_put(array)


def pattern(dtype: str) -> np.ndarray:
    return (np.arange(3 * 90 * 110).reshape(3, 90, 110) % 113).astype(dtype)


def through_a_block(array: Any, pool: BlockPool, writer: ArrayWriter | None = None) -> np.ndarray:
    """Return what lies in a block after an array was copied there by the device."""
    writer = writer or ArrayWriter()
    shape, dtype = writer.layout(array)
    block = pool.lend(int(np.prod(shape)) * DTYPES[dtype])
    start(writer, array, block).wait()
    return np.frombuffer(block.pixels, dtype).reshape(shape).copy()


def start(writer: ArrayWriter, array: Any, block: LentBlock) -> PixelCopy:
    copy = writer.start(array, block.pixels)
    assert copy is not None, "it was not the device that copied it"
    return copy


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_pixels_are_equal_bit_for_bit(library: str, dtype: str, pool: BlockPool) -> None:
    array = on_device(library, pattern(dtype))

    assert through_a_block(array, pool).tobytes() == pattern(dtype).tobytes()
    assert (to_numpy(array) == pattern(dtype)).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_every_layout_is_equal_bit_for_bit(library: str, layout: str, pool: BlockPool) -> None:
    array = LAYOUTS[layout](on_device(library, pattern("uint16")))

    assert through_a_block(array, pool).tobytes() == LAYOUTS[layout](pattern("uint16")).tobytes()


@pytest.mark.cupy
@pytest.mark.parametrize("kind", ["null", "ptds", "of its own"])
def test_the_stream_of_cupy_is_what_its_array_says(kind: str, pool: BlockPool) -> None:
    cupy = found("cupy")
    stream = cupy.cuda.Stream() if kind == "of its own" else getattr(cupy.cuda.Stream, kind)
    array = cupy.asarray(pattern("uint16"))

    with stream:
        memory = source_of(array).on_device(DeviceCopies(runtime))
        assert memory is not None
        assert memory.stream == array.__cuda_array_interface__["stream"]
        assert memory.pointer == array.__cuda_array_interface__["data"][0]
        assert through_a_block(array, pool).tobytes() == pattern("uint16").tobytes()


@pytest.mark.jax
def test_an_array_of_jax_in_another_order_arrives_in_ours(pool: BlockPool) -> None:
    jax = found("jax")
    layouts = pytest.importorskip("jax.experimental.layout")
    plane, writer = on_device("jax", pattern("uint16")[0]), ArrayWriter()
    block = pool.lend(plane.nbytes)
    turned = jax.jit(lambda a: a + 1, out_shardings=layouts.Format(layouts.Layout((1, 0)), plane.sharding))(
        plane
    )

    for array, expected in ((plane, pattern("uint16")[0]), (turned, pattern("uint16")[0] + 1)):
        writer.write(array, block.pixels)
        assert bytes(block.pixels) == expected.tobytes()


@pytest.mark.jax
def test_an_array_of_jax_waits_for_none_that_is_computed_after_it(pool: BlockPool) -> None:
    jax = found("jax")
    writer, blocks = ArrayWriter(), [pool.lend(2048 * 2048 * 4) for _ in range(2)]
    quick, large = jax.numpy.full((2048, 2048), 7, "float32"), jax.numpy.full((8192, 8192), 1 / 8192)
    multiply = jax.jit(lambda a: jax.numpy.matmul(a, large, precision="highest"))
    crop = jax.jit(lambda a: a[:2048, :2048])
    for block, array in zip(blocks, (quick, crop(multiply(large))), strict=True):  # takes long the first time
        start(writer, array, block).wait()
    product = large
    for _ in range(20):
        product = multiply(product)
    slow = crop(product)
    assert not slow.is_ready()

    copies = [start(writer, array, block) for array, block in zip((quick, slow), blocks, strict=True)]
    copies[0].wait()
    assert not slow.is_ready()

    assert (np.frombuffer(blocks[0].pixels, np.float32) == 7).all()
    copies[1].wait()
    assert bytes(blocks[1].pixels) == np.asarray(slow).tobytes()


@pytest.mark.torch
def test_bfloat16_of_torch_becomes_float32(torch: Any, pool: BlockPool) -> None:
    tensor = (torch.randn(90, 110, device="cuda") * 1e4).to(torch.bfloat16)

    for seen in (tensor, tensor.T, tensor[3:50, 2:]):
        assert through_a_block(seen, pool).tobytes() == seen.float().cpu().numpy().tobytes()


@pytest.mark.jax
def test_bfloat16_of_jax_becomes_float32(pool: BlockPool) -> None:
    jax = found("jax")
    array = jax.random.normal(jax.random.key(1), (90, 110), "bfloat16")

    assert through_a_block(array, pool).tobytes() == np.asarray(array).astype("float32").tobytes()


@pytest.mark.torch
def test_a_tensor_that_learns_is_copied_detached(torch: Any, pool: BlockPool) -> None:
    tensor = torch.ones(90, 110, device="cuda", requires_grad=True)

    assert (through_a_block(tensor * 2, pool) == 2).all()


@pytest.mark.torch
def test_an_array_overwritten_at_once_arrives_with_its_old_content(torch: Any, pool: BlockPool) -> None:
    writer, busy = ArrayWriter(), torch.randn(4096, 4096, device="cuda")
    block, tensor = pool.lend(2048 * 2048 * 4), torch.empty(2048, 2048, device="cuda")
    for value in range(20):
        busy @ busy  # what keeps the device from copying at once
        tensor.fill_(value)
        copy = writer.start(tensor, block.pixels)
        tensor.fill_(-1)  # at once, on the same stream
        assert copy is not None
        copy.wait()

        assert (np.frombuffer(block.pixels, np.float32) == value).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_still_computed_arrives_complete(library: str, pool: BlockPool) -> None:
    factor = on_device(library, np.full((3000, 3000), 1 / 3000, np.float32))
    product = factor
    for _ in range(20):
        product = product @ factor
    image = product[:2048, :2048] + 0

    assert through_a_block(image, pool).tobytes() == to_numpy(image).tobytes()


@pytest.mark.torch
def test_two_streams_do_not_wait_for_one_another(torch: Any, pool: BlockPool) -> None:
    writer, copies, blocks = ArrayWriter(), [], [pool.lend(1 << 20) for _ in range(2)]
    for value, block in enumerate(blocks):
        with torch.cuda.stream(torch.cuda.Stream()):
            tensor = torch.full((512, 1024), value, dtype=torch.int16, device="cuda")
            copies.append(writer.start(tensor, block.pixels))
            tensor.fill_(9)
    for copy in reversed(copies):
        assert copy is not None
        copy.wait()

    assert all((np.frombuffer(block.pixels, np.int16) == value).all() for value, block in enumerate(blocks))


@pytest.mark.torch
def test_a_stream_does_not_wait_for_what_another_one_computes(torch: Any, pool: BlockPool) -> None:
    writer, ended = ArrayWriter(), torch.cuda.Event()
    slow, quick = (torch.full((512, 1024), value, dtype=torch.int16, device="cuda") for value in (1, 2))
    blocks = [pool.lend(1 << 20) for _ in range(2)]
    start(writer, quick, blocks[1]).wait()  # what takes long the first time
    with torch.cuda.stream(torch.cuda.Stream()):
        torch.cuda._sleep(4_000_000_000)  # cycles: two seconds
        slow_copy = start(writer, slow, blocks[0])
        ended.record()

    with torch.cuda.stream(torch.cuda.Stream()):
        start(writer, quick, blocks[1]).wait()
        quick.fill_(9)
        torch.cuda.current_stream().synchronize()

    assert not ended.query()
    assert (np.frombuffer(blocks[1].pixels, np.int16) == 2).all()
    slow_copy.wait()
    assert (np.frombuffer(blocks[0].pixels, np.int16) == 1).all()


@pytest.mark.jax
@pytest.mark.parametrize("is_computed", [False, True])
def test_an_array_is_not_given_away_before_it_is_copied(is_computed: bool, pool: BlockPool) -> None:
    jax = found("jax")
    writer, block = ArrayWriter(), pool.lend(2048 * 2048 * 4)
    array = jax.numpy.full((2048, 2048), 7, "float32")
    if is_computed:
        array.block_until_ready()
    refusals: list[str] = []  # none if the copy was done by then
    copy = writer.start(array, block.pixels)
    try:
        jax.block_until_ready(jax.jit(lambda a: a + 1, donate_argnums=0)(array))
    except RuntimeError as error:
        refusals.append(str(error))
    assert copy is not None
    copy.wait()

    assert (np.frombuffer(block.pixels, np.float32) == 7).all()
    assert all("external reference" in refusal for refusal in refusals)


@pytest.mark.parametrize("library", LIBRARIES)
def test_without_registered_memory_pixels_are_the_same(library: str, pool: BlockPool) -> None:
    copies = DeviceCopies(runtime, pinned=False)
    writer, plane = ArrayWriter(lambda: copies), np.arange(3000 * 3000, dtype=np.uint16).reshape(3000, 3000)
    for seen, expected in ((plane, plane), (plane[:, 7:500], plane[:, 7:500])):
        block = pool.lend(expected.nbytes)
        array = on_device(library, seen) if seen is plane else on_device(library, plane)[:, 7:500]

        assert writer.start(array, block.pixels) is None
        assert bytes(block.pixels) == expected.tobytes()


@pytest.mark.torch
def test_a_device_without_room_is_an_error_of_that_image(torch: Any, pool: BlockPool) -> None:
    tensor = torch.zeros(64, 4096, 2048, dtype=torch.uint8, device="cuda").permute(0, 2, 1)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + (64 << 20)) / total)
    try:
        with pytest.raises(DeviceError, match="out of memory"):
            ArrayWriter().start(tensor, memoryview(bytearray(tensor.numel())))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)

    assert (through_a_block(tensor[0, :64, :64], pool) == 0).all()
