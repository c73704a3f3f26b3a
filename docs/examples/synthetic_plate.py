"""Make a plate of synthetic cells, with the file names of an exported ImageXpress plate.

Channel 1 shows nuclei, some of them dividing, channel 2 the cell bodies around the same nuclei and
channel 3 vesicles inside them; further channels begin again. The middle z-plane is the sharpest, and
wells differ in how crowded they are. The same seed, well and site always give the same cells.
"""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from scipy import ndimage

from hcs_stream.microscopes import ImageFile, format_htd, format_imagexpress

Pixels = NDArray[np.float32]
Shape = tuple[int, int]

PLATE_FORMATS = ((2, 3), (4, 6), (8, 12), (16, 24), (32, 48))  # rows and columns of plates as sold
CAMERA_OFFSET = 100  # grey values that the camera adds to every pixel
STRAY_LIGHT = 100  # grey values between the cells
READ_NOISE = 4  # grey values
DYES = ("DAPI", "FITC", "TxRed")
HALF = 80  # pixels from the middle of the largest patch to its edge
REACH = 48  # pixels outside the image in which cells lie that reach into it
MARGIN = HALF + REACH
TILE = 256  # pixels along the side of a texture, which is periodic
DIRECTIONS = 12  # in which fibres run
STEPS = 1024  # directions in which an outline has a radius

_y, _x = np.mgrid[-HALF : HALF + 1, -HALF : HALF + 1].astype(np.float32)
DISTANCE: Pixels = np.hypot(_y, _x)
TURN = (np.arctan2(_y, _x) / math.tau * STEPS).astype(np.intp) % STEPS
ANGLES = np.linspace(0, math.tau, STEPS, endpoint=False, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell; its place ``y``, ``x`` is on a canvas that is larger than the image."""

    y: int
    x: int
    direction: float
    """Of its longer axis, in radians."""
    body: Pixels
    """Its outline: the radius in each of ``STEPS`` directions."""
    nucleus: Pixels
    """Its nucleus's outline, or that of its chromosomes."""
    parting: int
    """How far its chromosomes have moved apart."""
    dividing: bool
    brightness: float


@dataclass(frozen=True, kw_only=True)
class Textures:
    """What cells are filled with: periodic tiles."""

    chromatin: Pixels
    nucleoli: Pixels
    fibres: list[Pixels]
    vesicles: Pixels


def make_plate(
    folder: Path,
    wells: int = 6,
    sites: int = 2,
    channels: int = 2,
    z_planes: int = 3,
    shape: Shape = (512, 512),
    seed: int = 0,
) -> Path:
    """Write ``wells * sites * channels * z_planes`` images below a folder and return the folder."""
    textures = make_textures(default_rng(seed))
    for row, column in first_wells(wells):
        for site in range(1, sites + 1):
            place = (seed, row, column, site)
            cells = scatter(default_rng(place), shape, crowding(row, column))
            for channel in range(1, channels + 1):
                rng = default_rng((*place, channel))
                light = draw(rng, cells, textures, shape, channel)
                for z_index in range(1, z_planes + 1):
                    path = folder / file_name(row, column, site, channel, z_index)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    image = expose(rng, defocus(light, z_index, z_planes))
                    tifffile.imwrite(path, image, photometric="minisblack")
    dyes = {str(channel): DYES[(channel - 1) % len(DYES)] for channel in range(1, channels + 1)}
    (folder / "Synthetic.HTD").write_text(format_htd(dyes), encoding="latin-1", newline="")
    return folder


def first_wells(count: int) -> list[tuple[int, int]]:
    """Return row and column, from 0, of the first wells of the smallest plate that has so many."""
    for rows, columns in PLATE_FORMATS:
        if 0 < count <= rows * columns:
            return [divmod(index, columns) for index in range(count)]
    raise ValueError(f"wanted 1 to 1536 wells, found {count}")


def crowding(row: int, column: int) -> float:
    """Return how crowded a well is, from 0 to 1; neighbours differ."""
    return (0.3 + 0.618 * column + 0.15 * row) % 1


def file_name(row: int, column: int, site: int, channel: int, z_index: int) -> Path:
    """Return an image's path below the plate's folder."""
    letters = "A" * (row // 26) + chr(ord("A") + row % 26)
    image = ImageFile(
        path=Path(),
        plate="Synthetic",
        well=f"{letters}{column + 1:02d}",
        site=site,
        channel=str(channel),
        z_index=z_index,
        timepoint=1,
    )
    return format_imagexpress(image)


# Textures


def make_textures(rng: Generator) -> Textures:
    """Make the tiles that all cells of a plate are cut from."""
    return Textures(
        chromatin=0.6 * noise(rng, 1.5, 1.5) + 0.6 * noise(rng, 4, 4),
        nucleoli=np.clip(0.6 * noise(rng, 3, 3) - 0.6, 0, 0.5),
        fibres=[ridges(rng, math.pi * step / DIRECTIONS) for step in range(DIRECTIONS)],
        vesicles=np.clip(noise(rng, 1.3, 1.3) - 1.2, 0, None),
    )


def noise(rng: Generator, along: float, across: float, direction: float = 0) -> Pixels:
    """Make noise with mean 0 and deviation 1, whose grains are ``along`` by ``across`` pixels."""
    v, u = np.meshgrid(np.fft.fftfreq(TILE), np.fft.rfftfreq(TILE), indexing="ij")
    lengthwise = u * math.cos(direction) + v * math.sin(direction)
    crosswise = v * math.cos(direction) - u * math.sin(direction)
    blur = np.exp(-2 * math.pi**2 * ((along * lengthwise) ** 2 + (across * crosswise) ** 2))
    tile = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((TILE, TILE))) * blur)
    grains: Pixels = ((tile - tile.mean()) / tile.std()).astype(np.float32)
    return grains


def ridges(rng: Generator, direction: float) -> Pixels:
    """Make thin lines that run roughly in one direction, in some places more than in others."""
    fine, coarse = (np.exp(-((noise(rng, 12, width, direction) / 0.25) ** 2)) for width in (1.2, 2))
    tile: Pixels = (fine + coarse) * np.clip(0.5 + 0.4 * noise(rng, 10, 10), 0, 1)
    return tile


def cut(rng: Generator, texture: Pixels, patch: Pixels) -> Pixels:
    """Cut a piece as large as a patch from a random place of a texture."""
    y, x = rng.integers(TILE, size=2)
    rows, columns = np.arange(patch.shape[0]) + y, np.arange(patch.shape[1]) + x
    piece: Pixels = texture[np.ix_(rows % TILE, columns % TILE)]
    return piece


# Cells


def scatter(rng: Generator, shape: Shape, crowded: float) -> list[Cell]:
    """Scatter cells in loose colonies, none on top of another."""
    height, width = shape[0] + 2 * REACH, shape[1] + 2 * REACH
    wanted = round((6 + 64 * crowded) * height * width / 512**2)
    colonies = noise(rng, 22, 22)
    places: list[tuple[int, int]] = []
    for y, x, taste in rng.random((40 * wanted, 3)):
        place = HALF + int(y * height), HALF + int(x * width)
        liked = colonies[place[0] // 2 % TILE, place[1] // 2 % TILE] > 2 * taste - 1.3
        if liked and all(math.dist(place, other) > 40 for other in places):
            places.append(place)
    return [make_cell(rng, y, x, crowded) for y, x in places[:wanted]]


def make_cell(rng: Generator, y: int, x: int, crowded: float) -> Cell:
    """Make a cell: the more crowded its well, the smaller; one in fifteen divides."""
    direction = rng.uniform(0, math.pi)
    dividing = rng.random() < 1 / 15
    if dividing:
        body = outline(rng, rng.normal(25, 1.5), 1.05, direction, 0.02)
        nucleus = outline(rng, 9, 1.6, direction, 0.12)
    else:
        body = outline(rng, rng.normal(58 - 14 * crowded, 5), rng.uniform(1, 1.6), direction, 0.3)
        nucleus = outline(rng, rng.normal(19 - 4 * crowded, 1.5), 1.15, direction, 0.05)
    return Cell(
        y=y,
        x=x,
        direction=direction,
        body=body,
        nucleus=nucleus,
        parting=int(rng.choice([0, 0, 7, 10])) if dividing else 0,
        dividing=dividing,
        brightness=rng.lognormal(0, 0.22),
    )


def outline(rng: Generator, radius: float, stretch: float, direction: float, wobble: float) -> Pixels:
    """Return an irregular ellipse as its radius in each of ``STEPS`` directions."""
    turned = ANGLES - direction
    radii = radius / np.hypot(np.cos(turned) / stretch, np.sin(turned) * stretch)
    for waves in range(2, 8):
        height, phase = wobble / waves * rng.normal(), rng.uniform(0, math.tau)
        radii = radii * (1 + height * np.cos(waves * ANGLES + phase))
    within: Pixels = np.clip(radii, 2, HALF - 3).astype(np.float32)
    return within


# Drawing


class Canvas:
    """An image under construction: where cells meet, each pixel belongs to the cell it lies deeper in."""

    def __init__(self, shape: Shape) -> None:
        self.light = np.zeros((shape[0] + 2 * MARGIN, shape[1] + 2 * MARGIN), np.float32)
        self._depth = np.ones_like(self.light)

    def paint(self, y: int, x: int, depth: Pixels, light: Pixels) -> None:
        """Lay a cell's patch around a place."""
        half = depth.shape[0] // 2
        here = slice(y - half, y + half + 1), slice(x - half, x + half + 1)
        deeper = depth < self._depth[here]
        np.copyto(self.light[here], light, where=deeper)
        np.copyto(self._depth[here], depth, where=deeper)


def draw(rng: Generator, cells: list[Cell], textures: Textures, shape: Shape, channel: int) -> Pixels:
    """Draw what a channel shows of the cells, in grey values above the background."""
    painter = (paint_nuclei, paint_body, paint_vesicles)[(channel - 1) % 3]
    canvas = Canvas(shape)
    for cell in cells:
        painter(rng, canvas, cell, textures)
    glow = ndimage.uniform_filter(ndimage.uniform_filter(canvas.light, 35), 35)
    light: Pixels = canvas.light + 0.08 * glow
    return light[MARGIN:-MARGIN, MARGIN:-MARGIN]


def paint_nuclei(rng: Generator, canvas: Canvas, cell: Cell, textures: Textures) -> None:
    """Paint chromatin: mottled with dark nucleoli, or dense where the cell divides."""
    depth = fill(cell.nucleus, room=cell.nucleus)
    grain = cut(rng, textures.chromatin, depth)
    if cell.dividing:
        light: Pixels = 2600 * inside(depth, 0.5) * (1 + 0.08 * grain)
    else:
        light = 1900 * inside(depth, 0.16) * (1 + 0.13 * grain) * (1 - 0.2 * depth**2)
        light *= 1 - cut(rng, textures.nucleoli, depth) * inside(depth, 0.4)
    dy, dx = cell.parting * math.cos(cell.direction), cell.parting * math.sin(cell.direction)
    for side in (-1, 1):
        y, x = cell.y + round(side * dy), cell.x - round(side * dx)
        canvas.paint(y, x, depth, cell.brightness * light)


def paint_body(rng: Generator, canvas: Canvas, cell: Cell, textures: Textures) -> None:
    """Paint a cell's body: flat with fibres along it, or a ball where the cell divides."""
    depth = fill(cell.body, room=cell.body)
    shadow = inside(fill(cell.nucleus, room=cell.body), 0.4)
    grain = cut(rng, textures.chromatin, depth)
    if cell.dividing:
        light = 1100 * inside(depth, 0.7) * (1 + 0.08 * grain) * (1 - 0.3 * shadow)
    else:
        step = round(cell.direction / math.pi * DIRECTIONS) % DIRECTIONS
        fibres = cut(rng, textures.fibres[step], depth)
        thickness = 0.22 + 1.2 * np.exp(-((2.1 * depth) ** 2))
        light = 700 * inside(depth, 0.12) * (thickness * (1 + 0.1 * grain) + 0.5 * fibres)
        light *= 1 - 0.55 * shadow
    canvas.paint(cell.y, cell.x, depth, cell.brightness * light)


def paint_vesicles(rng: Generator, canvas: Canvas, cell: Cell, textures: Textures) -> None:
    """Paint bright specks, most of them close to the nucleus."""
    depth = fill(cell.body, room=cell.body)
    shadow = inside(fill(cell.nucleus, room=cell.body), 0.2)
    specks = 0.08 + cut(rng, textures.vesicles, depth)
    thickness: Pixels = np.exp(-((1.5 * depth) ** 2))
    light = 1600 * inside(depth, 0.2) * thickness * specks * (1 - 0.8 * shadow)
    canvas.paint(cell.y, cell.x, depth, cell.brightness * light)


def fill(edge: Pixels, room: Pixels) -> Pixels:
    """Return how far out each pixel of a patch lies: 0 in the middle, 1 at the edge.

    The patch is just large enough for the outline ``room``.
    """
    half = int(room.max()) + 3
    side = slice(HALF - half, HALF + half + 1)
    depth: Pixels = DISTANCE[side, side] / edge[TURN[side, side]]
    return depth


def inside(depth: Pixels, softness: float) -> Pixels:
    """Return 1 inside an outline and 0 outside, with a soft edge."""
    cover: Pixels = np.clip((1 - depth) / softness, 0, 1)
    return cover


# The microscope


def defocus(light: Pixels, z_index: int, z_planes: int) -> Pixels:
    """Blur a plane by its distance from the middle one."""
    away = abs(2 * z_index - z_planes - 1) / z_planes
    return ndimage.gaussian_filter(light, 0.6 + 4.5 * away, truncate=3)


def expose(rng: Generator, light: Pixels) -> NDArray[np.uint16]:
    """Take the picture: darker corners, shot noise, read noise, whole grey values."""
    y, x = np.ogrid[-1 : 1 : light.shape[0] * 1j, -1 : 1 : light.shape[1] * 1j]
    photons = (light + STRAY_LIGHT) * (1 - 0.1 * (y**2 + x**2)).astype(np.float32)
    spread = np.sqrt(photons + READ_NOISE**2)  # Poisson noise of so many photons is as good as normal
    grey = CAMERA_OFFSET + photons + spread * rng.standard_normal(light.shape, np.float32)
    image: NDArray[np.uint16] = np.clip(grey.round(), 0, 65535).astype(np.uint16)
    return image


def main() -> None:
    """Make a plate in the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the plate is made")
    print(make_plate(parser.parse_args().folder))


if __name__ == "__main__":
    main()
