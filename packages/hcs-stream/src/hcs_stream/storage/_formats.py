"""The files of images: TIFF and OME-TIFF by tifffile, PNG and JPEG by imageio."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import numpy as np
import tifffile

from hcs_protocol import UnsupportedArrayError
from hcs_stream._extras import extra

from ._backend import Pixels
from ._errors import LossyFormatError, UnknownFormatError
from ._pixels import height_and_width, is_coloured

TIFF = (".tif", ".tiff")
OME_TIFF = (".ome.tif", ".ome.tiff")
PNG = (".png",)
JPEG = (".jpg", ".jpeg")
SUFFIXES = (*TIFF, *OME_TIFF, *PNG, *JPEG)

OME_DTYPES = frozenset({"bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"})
"""What OME-TIFF can hold."""
ONE_PLANE = "A stack of one plane."
"""The description of such an image: OME says nothing else of it than of an image without z."""
JPEG_QUALITY = 95
LOSSLESS = ("adobe_deflate", "deflate", "lzma", "lzw", "none", "packbits", "zlib", "zstd")
"""Compressions of TIFF that keep every pixel of any dtype; others do so of some, or of none."""
MICROMETRES_PER_CENTIMETRE = 1e4
RESOLUTION_DENOMINATOR = 10_000


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What is written down beside the pixels."""

    kind: str = "image"
    axes: str | Sequence[str] | None = None
    pixel_size: float | tuple[float, float] | None = None
    """Height and width in micrometres."""
    z_step: float | None = None
    channel: str | None = None
    compression: str | None = None
    lossy: bool = False


def is_image_name(name: str) -> bool:
    """Say whether a file of this name is an image that this module reads."""
    return name.lower().endswith(SUFFIXES)


def is_tiff_name(name: str) -> bool:
    """Say whether a file of this name is a TIFF file."""
    return name.lower().endswith(TIFF)


def writer_of(path: Path, pixels: Pixels, described: Description) -> Callable[[BinaryIO], object]:
    """Return what writes the pixels in the format of the path's suffix.

    Raises:
        UnknownFormatError: No format has this suffix.
        LossyFormatError: The format would change them, and nobody said that it may.
        UnsupportedArrayError: The format has no such pixels.
    """
    name = path.name.lower()
    if name.endswith(TIFF):
        ome = name.endswith(OME_TIFF)
        if ome and pixels.dtype.name not in OME_DTYPES:
            raise UnsupportedArrayError(
                f"wanted pixels of {', '.join(sorted(OME_DTYPES))} for OME-TIFF, found {pixels.dtype} "
                f"for {str(path)!r}: save it as .tif"
            )
        _check_compression(path, described)
        return lambda file: _write_tiff(file, pixels, described, ome=ome)
    if name.endswith(PNG):
        _check_png(pixels, path)
        return lambda file: _write_by_imageio(file, pixels, ".png")
    if name.endswith(JPEG):
        if not described.lossy:
            raise LossyFormatError(path, "JPEG", (".tif", ".ome.tif", ".png"))
        _check_jpeg(pixels, path)
        return lambda file: _write_by_imageio(file, pixels, ".jpeg", quality=JPEG_QUALITY)
    raise UnknownFormatError(path, SUFFIXES)


def read(path: Path) -> Pixels:
    """Return the pixels of a file; its library may raise anything if it is damaged."""
    if is_tiff_name(path.name):
        return _read_tiff(path)
    if not is_image_name(path.name):
        raise UnknownFormatError(path, SUFFIXES)
    with open(path, "rb") as file:  # imageio's own stay open where it fails
        return cast("Pixels", np.asarray(_imageio().imread(file, plugin="pillow")))


def _read_tiff(path: Path) -> Pixels:
    with tifffile.TiffFile(path) as file:
        pixels = cast("Pixels", file.asarray())
        axes = file.series[0].axes
        is_stack = file.ome_metadata is not None and f">{ONE_PLANE}<" in file.ome_metadata
    if len(axes) == pixels.ndim and "S" in axes:
        pixels = np.moveaxis(pixels, axes.index("S"), -1)  # some programs write a plane for each colour
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)  # ImageJ writes big-endian files
    return pixels[np.newaxis] if is_stack and pixels.ndim == 2 else pixels


def _write_tiff(file: BinaryIO, pixels: Pixels, described: Description, *, ome: bool) -> None:
    axes = axes_of(pixels, described)
    size = height_and_width(described.pixel_size)
    metadata: dict[str, object] = {"axes": axes}
    if size is not None:
        metadata |= {"PhysicalSizeY": size[0], "PhysicalSizeX": size[1]}
        metadata |= {"PhysicalSizeYUnit": "µm", "PhysicalSizeXUnit": "µm"} if ome else {"unit": "um"}
    if described.z_step is not None:
        metadata |= {"PhysicalSizeZ": described.z_step} | ({"PhysicalSizeZUnit": "µm"} if ome else {})
    if ome and axes == "ZYX" and len(pixels) == 1:
        metadata["Description"] = ONE_PLANE
    if described.channel is not None:
        metadata["Channel"] = {"Name": described.channel}
    try:
        tifffile.imwrite(
            file,
            pixels,
            ome=ome,
            photometric="rgb" if axes == "YXS" else "minisblack",
            compression=cast("Any", described.compression),
            metadata=metadata,
            **_resolution(size),
        )
    except OSError:
        raise
    except Exception as error:  # its codecs raise what they like
        with_what = f"{pixels.dtype} with the compression {described.compression!r}"
        raise UnsupportedArrayError(f"cannot write {pixels.shape} {with_what}: {error}") from error


def _resolution(size: tuple[float, float] | None) -> dict[str, Any]:
    if size is None:
        return {}
    height, width = size
    per_centimetre = [
        (round(MICROMETRES_PER_CENTIMETRE / length * RESOLUTION_DENOMINATOR), RESOLUTION_DENOMINATOR)
        for length in (width, height)
    ]
    if max(numerator for numerator, _ in per_centimetre) >= 1 << 32:
        return {}  # finer than TIFF can say; the metadata says it
    return {"resolution": tuple(per_centimetre), "resolutionunit": "CENTIMETER"}


def axes_of(pixels: Pixels, described: Description) -> str:
    """Return the axes of pixels as TIFF has them: ``"YX"``, ``"ZYX"`` or ``"YXS"``."""
    if described.axes:
        return "".join(described.axes).upper().replace("C", "S")
    if pixels.ndim == 2:
        return "YX"
    return "YXS" if is_coloured(pixels, described.kind) else "ZYX"


def _check_compression(path: Path, described: Description) -> None:
    name = "none" if described.compression is None else str(described.compression).lower()
    if not (described.lossy or name in LOSSLESS):
        raise LossyFormatError(path, f"the compression {described.compression!r}", LOSSLESS)


def _check_png(pixels: Pixels, path: Path) -> None:
    grey = pixels.ndim == 2 and pixels.dtype.name in {"uint8", "uint16"}
    if not (grey or is_coloured(pixels)):
        raise UnsupportedArrayError(
            "wanted (y, x) pixels of uint8 or uint16, or (y, x, 3 or 4) of uint8, for PNG, "
            f"found {pixels.shape} {pixels.dtype} for {str(path)!r}: save it as .tif"
        )


def _check_jpeg(pixels: Pixels, path: Path) -> None:
    coloured = is_coloured(pixels) and pixels.shape[-1] == 3
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or coloured):
        raise UnsupportedArrayError(
            f"wanted (y, x) or (y, x, 3) pixels of uint8 for JPEG, found {pixels.shape} {pixels.dtype} "
            f"for {str(path)!r}: save it as .tif"
        )


def _write_by_imageio(file: BinaryIO, pixels: Pixels, suffix: str, **options: Any) -> None:
    _imageio().imwrite(file, pixels, plugin="pillow", extension=suffix, **options)


def _imageio() -> Any:
    with extra("imageio", needs="PNG and JPEG"):
        import imageio.v3
    return imageio.v3
