"""A pipeline on the GPU whose images are never fetched for the viewer: flat-field, blur, threshold, objects.

Each result is sent as it is, a tensor of the device. `send` only begins its way into shared memory, and the
next step goes on at once. Without a GPU the same runs on the processor.

    pip install torch scipy
    python gpu_pipeline.py [--device cuda] [--plate FOLDER] [--wells 4]
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tifffile
import torch
from synthetic_plate import make_plate
from torch.nn import functional

import hcs_stream
from hcs_stream.microscopes import ImageFile, open_plate

ROUNDS = 64
"""Objects are numbered from peak to rim, one pixel a round; larger ones take more."""

Pixels = Any
"""A tensor of shape ``(y, x)``."""


def flat_field(image: Pixels, illumination: Pixels) -> Pixels:
    """Divide by how bright the lamp is at each pixel."""
    return image / illumination * illumination.mean()


def blur(image: Pixels, sigma: float = 2.0) -> Pixels:
    """Take the noise out, along one axis and then the other."""
    reach = int(4 * sigma)
    distance = torch.arange(-reach, reach + 1, device=image.device, dtype=image.dtype)
    weights = torch.exp(-((distance / sigma) ** 2) / 2)
    weights = weights / weights.sum()
    padded = functional.pad(image[None, None], (reach, reach, reach, reach), mode="reflect")
    rows = functional.conv2d(padded, weights[None, None, None, :])
    return functional.conv2d(rows, weights[None, None, :, None])[0, 0]


def threshold(image: Pixels) -> Pixels:
    """Say which pixels are brighter than halfway from the background to the brightest."""
    background, brightest = image.median(), image.flatten().topk(image.numel() // 500).values.mean()
    return image > (background + brightest) / 2


def objects(mask: Pixels) -> Pixels:
    """Number the connected pixels: each takes the largest number around it, until all of an object agree."""
    numbers = torch.arange(1, mask.numel() + 1, device=mask.device, dtype=torch.float32).reshape(mask.shape)
    numbers = numbers * mask
    while True:
        before = numbers
        for _ in range(ROUNDS):
            numbers = functional.max_pool2d(numbers[None], 3, stride=1, padding=1)[0] * mask
        if torch.equal(before, numbers):
            break
    _, numbers = numbers.unique(return_inverse=True)
    return numbers.to(torch.int32)


def illumination_of(shape: tuple[int, int], device: str) -> Pixels:
    """Return a lamp that is brightest in the middle."""
    y, x = (torch.linspace(-1, 1, length, device=device) for length in shape)
    return 1 - 0.2 * (y[:, None] ** 2 + x[None, :] ** 2)


def nuclei(folder: Path, wells: int) -> Iterator[ImageFile]:
    """Yield an image of nuclei of each well."""
    plate = open_plate(folder)
    first = [image for image in plate.images if image.channel == plate.images[0].channel]
    seen: set[str] = set()
    for image in first:
        if image.well not in seen and len(seen) < wells:
            seen.add(image.well)
            yield image


def main() -> None:
    """Send four images of each well."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--plate", type=Path, metavar="FOLDER", help="else a small synthetic one")
    parser.add_argument("--wells", type=int, default=4, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, hcs_stream.connect() as stream:
        folder = options.plate or make_plate(
            Path(scratch), wells=options.wells, sites=1, channels=1, z_planes=1
        )
        found = 0
        for image in nuclei(folder, options.wells):
            pixels = torch.from_numpy(tifffile.imread(image.path)).to(options.device)
            where: dict[str, Any] = {
                "plate": image.plate,
                "well": image.well,
                "site": image.site,
                "channel": image.channel,
            }
            stream.send(pixels, step=(0, "acquired"), **where)
            flat = flat_field(pixels.float(), illumination_of(tuple(pixels.shape), options.device))
            stream.send(flat, step=(1, "flat field"), **where)
            smooth = blur(flat)
            stream.send(smooth, step=(2, "blur"), **where)
            mask = threshold(smooth)
            stream.send(mask, step=(3, "threshold"), kind="labels", **where)
            numbers = objects(mask)
            stream.send(numbers, step=(4, "objects"), kind="labels", **where)
            found += int(numbers.max())
        stream.flush()
    print(f"{found} objects in {options.wells} wells, on {options.device}")


if __name__ == "__main__":
    main()
