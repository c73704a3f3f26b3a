"""One worker and a viewer that is none: what arrives, in which order, whatever happens on the way."""

from typing import Any


def test_images_arrive_in_the_order_in_which_they_were_sent(viewer: Any, stream: Any, image: Any) -> None:
    for value in range(200):
        stream.send(image(value), site=value)

    stream.flush()

    assert [pixels[0] for pixels in viewer.pixels()] == list(range(200))
