import pytest

from hcs_protocol import BlockRef, FileRef, FrameRef, ImageReady, ImageSpec, PixelsRef, encode


@pytest.mark.parametrize(
    ("pixels", "tag"),
    [
        (BlockRef(segment="hcs-4711-9f3a", offset=0, nbytes=16, generation=1), b'"type":"block"'),
        (FrameRef(frame=1, nbytes=16), b'"type":"frame"'),
        (FileRef(path="/data/A01.tif"), b'"type":"file"'),
    ],
)
def test_the_type_of_pixels_says_where_they_are(pixels: PixelsRef, tag: bytes) -> None:
    image = ImageReady(sequence=1, spec=ImageSpec(shape=(4, 4), dtype="uint8"), pixels=pixels)

    assert tag in encode(image)  # type: ignore[arg-type]  # an item, met in batches


def test_a_reference_can_be_a_key() -> None:
    lendings = {BlockRef(segment="hcs-4711-9f3a", offset=0, nbytes=16, generation=n): n for n in (1, 2)}

    assert lendings[BlockRef(segment="hcs-4711-9f3a", offset=0, nbytes=16, generation=2)] == 2
