"""What holds for whoever makes compressed frames, or takes them; `hcs_protocol.testing` has it."""

from importlib.resources import files
from random import Random

from ._compression import CODECS, chunks
from ._errors import CompressedPixelsError
from ._images import ImageSpec

FRAME_SPEC = ImageSpec(shape=(64, 96), dtype="uint16")
"""Of the image in `golden_frames`."""
HEADER_NBYTES = 32
TYPESIZE, NBYTES, BLOCKSIZE, CBYTES, FILTERS, FLAGS = 3, 4, 8, 12, 16, 31
"""Where they stand in a chunk's header."""


def frame_pixels() -> bytes:
    """Return the image in `golden_frames`: ``97 * y + 3 * x``."""
    rows, columns = FRAME_SPEC.shape
    values = (97 * y + 3 * x for y in range(rows) for x in range(columns))
    return b"".join((value % (1 << 16)).to_bytes(2, "little") for value in values)


def golden_frames() -> dict[str, bytes]:
    """Return kept compressed frames of one image, by codec."""
    folder = files("hcs_protocol") / "golden" / "frames"
    return {codec: (folder / f"{codec}.bin").read_bytes() for codec in CODECS}


class CompressorTests:
    """The contract of what compresses frames; a subclass says how one is made."""

    def compress(self, pixels: bytes, codec: str, spec: ImageSpec) -> bytes | None:
        """Return a compressed frame; None if it would hardly be smaller."""
        raise NotImplementedError

    def test_its_headers_say_what_codec_and_spec_do(self) -> None:
        for codec in CODECS:
            for dtype, itemsize in (("bool", 1), ("uint8", 1), ("uint16", 2), ("float32", 4), ("float64", 8)):
                spec = ImageSpec(shape=(64, 96), dtype=dtype)
                frame = self.compress(bytes(range(96)) * 64 * itemsize, codec, spec)
                assert frame is not None

                assert chunks(frame, codec, spec)[-1].end == len(frame)

    def test_an_image_of_zeros_is_hardly_more_than_a_header(self) -> None:
        for codec in CODECS:
            frame = self.compress(bytes(1 << 20), codec, ImageSpec(shape=(1024, 1024), dtype="uint8"))

            assert frame is not None
            assert len(frame) < 4 * HEADER_NBYTES

    def test_what_can_hardly_become_smaller_is_left_alone(self) -> None:
        spec = ImageSpec(shape=(256, 256), dtype="uint16")
        noise = Random(7).randbytes(spec.nbytes)

        assert [self.compress(noise, codec, spec) for codec in CODECS] == [None, None]


class DecompressorTests:
    """The contract of what takes compressed frames; a subclass says how one is decompressed."""

    def decompress(self, frame: bytes, codec: str, spec: ImageSpec) -> bytes:
        """Return the pixels, or raise `CompressedPixelsError` and nothing else."""
        raise NotImplementedError

    def test_the_kept_frames_are_still_read(self) -> None:
        for codec, frame in golden_frames().items():
            assert self.decompress(frame, codec, FRAME_SPEC) == frame_pixels()

    def test_chunks_are_taken_one_after_the_other(self) -> None:
        twice = ImageSpec(shape=(128, 96), dtype="uint16")
        for codec, frame in golden_frames().items():
            assert self.decompress(frame + frame, codec, twice) == 2 * frame_pixels()

    def test_a_frame_that_ends_too_early_or_too_late_is_refused(self) -> None:
        for codec, frame in golden_frames().items():
            for wrong in (b"", frame[:16], frame[:HEADER_NBYTES], frame[:-1], frame + b"\0", frame + frame):
                self._expect_refusal(wrong, codec)

    def test_another_image_than_the_specs_is_refused(self) -> None:
        for codec, frame in golden_frames().items():
            for shape, dtype in (((64, 95), "uint16"), ((64, 97), "uint16"), ((64, 192), "uint8")):
                self._expect_refusal(frame, codec, ImageSpec(shape=shape, dtype=dtype))

    def test_another_codec_than_was_said_is_refused(self) -> None:
        zstd, lz4 = golden_frames().values()

        self._expect_refusal(zstd, "blosc2-lz4")
        self._expect_refusal(lz4, "blosc2-zstd")
        self._expect_refusal(lz4, "gzip")

    def test_a_few_bytes_that_would_become_gigabytes_are_refused(self) -> None:
        zeros = bytearray(golden_frames()["blosc2-zstd"][:HEADER_NBYTES])
        zeros[FLAGS], zeros[CBYTES : CBYTES + 4] = 0x10, HEADER_NBYTES.to_bytes(4, "little")
        for nbytes in (0, FRAME_SPEC.nbytes - 2, FRAME_SPEC.nbytes + 2, (1 << 31) - 1, (1 << 32) - 1):
            zeros[NBYTES : NBYTES + 4] = nbytes.to_bytes(4, "little")

            self._expect_refusal(bytes(zeros), "blosc2-zstd")

    def test_what_a_chunk_may_have_and_a_frame_may_not_is_refused(self) -> None:
        for codec, frame in golden_frames().items():
            for at, value in (
                *((0, version) for version in (0, 6, 255)),
                *((2, flags) for flags in (0x00, 0x01, 0x04, 0xC5, 0xE5)),
                *((FILTERS + place, code) for place in range(6) for code in (3, 4, 5, 32, 160, 255)),
                *((FLAGS, flags) for flags in (0x01, 0x02, 0x04, 0x08, 0x20, 0x30, 0x40, 0x80, 0xFF)),
                (TYPESIZE, 1),
                (FILTERS + 6, 35),
            ):
                changed = bytearray(frame)
                changed[at] = value

                self._expect_refusal(bytes(changed), codec)

    def test_blocks_that_want_more_memory_than_the_image_are_refused(self) -> None:
        for codec, frame in golden_frames().items():
            for nbytes in (0, FRAME_SPEC.nbytes + 1, (1 << 31) - 1, (1 << 32) - 1):
                changed = bytearray(frame)
                changed[BLOCKSIZE : BLOCKSIZE + 4] = nbytes.to_bytes(4, "little")

                self._expect_refusal(bytes(changed), codec)

    def _expect_refusal(self, frame: bytes, codec: str, spec: ImageSpec = FRAME_SPEC) -> None:
        try:
            self.decompress(frame, codec, spec)
        except CompressedPixelsError:
            return
        raise AssertionError(f"taken, and should not be: {codec} {frame[:HEADER_NBYTES].hex()}")
