"""The backend ``disk``: one file for each image."""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hcs_protocol import FileRef, HcsError, Kind, natural_key
from hcs_stream._unreadable import UnreadableImageError

from ._atomic import sync_folder, write_atomically
from ._backend import Pixels, Reference, StorageBackend
from ._errors import ImageNotFoundError, StorageWriteError
from ._formats import Description, axes_of, is_image_name, is_tiff_name, read, writer_of
from ._pixels import check_described, host_pixels


class DiskBackend(StorageBackend):
    """Files: TIFF and OME-TIFF of any pixels, PNG of uint8 and uint16, JPEG if it may change them."""

    name = "disk"

    def save(
        self,
        data: object,
        path: Path,
        *,
        kind: Kind = "image",
        axes: str | Sequence[str] | None = None,
        pixel_size: float | tuple[float, float] | None = None,
        z_step: float | None = None,
        channel: str | None = None,
        compression: str | None = None,
        lossy: bool = False,
    ) -> Reference:
        """Write one file; who reads meanwhile finds the old one or the new one.

        Args:
            data: The pixels.
            path: Its suffix says the format.
            kind: ``"labels"`` for integers that number objects.
            axes: ``"yx"``, ``"zyx"`` or ``"yxc"``, where the shape does not say it.
            pixel_size: Height and width of a pixel, or both at once, in micrometres; TIFF keeps it.
            z_step: Distance of two z-planes in micrometres; TIFF keeps it.
            channel: Its name; TIFF keeps it.
            compression: Of TIFF files: ``"zlib"``, or what else tifffile knows.
            lossy: Whether format and compression may change pixels, as JPEG does.

        Returns:
            Page 0 of the file, if it is a TIFF of one plane.

        Raises:
            LossyFormatError: The format would change the pixels.
            UnknownFormatError: No format has this suffix.
            UnsupportedArrayError: The format has no such pixels.
            StorageWriteError: There is no room, no such folder, or no permission.
        """
        described = Description(
            kind=kind,
            axes=axes,
            pixel_size=pixel_size,
            z_step=z_step,
            channel=channel,
            compression=compression,
            lossy=lossy,
        )
        reference = _write(data, path, described)
        sync_folder(path.parent)
        return reference

    def save_batch(self, data: Sequence[object], paths: Sequence[Path], **options: Any) -> list[Reference]:
        """Write several files; their folders are flushed once."""
        described = Description(**options)
        try:
            return [_write(image, path, described) for image, path in zip(data, paths, strict=True)]
        finally:
            for folder in {path.parent for path in paths}:
                sync_folder(folder)

    def load(self, path: Path) -> Pixels:
        """Return the pixels of a file: all pages of a TIFF, as they were saved."""
        if not _is_there(path.is_file):
            raise ImageNotFoundError("an image", path)
        try:
            pixels = read(path)
        except HcsError:
            raise
        except Exception as error:  # a damaged file makes its decoders raise anything
            raise UnreadableImageError(path, f"{type(error).__name__} ({error})") from error
        if not pixels.size:
            raise UnreadableImageError(path, "no image")
        return pixels

    def exists(self, path: Path) -> bool:
        """Say whether a file or a folder is at this path."""
        return _is_there(path.exists)

    def list_images(self, folder: Path, *, recursive: bool = False) -> list[Path]:
        """Return the images of a folder in natural order; hidden files and folders are left out."""
        if not _is_there(folder.is_dir):
            raise ImageNotFoundError("a folder", folder)
        found: list[Path] = []
        for place, folders, names in os.walk(folder, onerror=_give_up):
            found += [Path(place, name) for name in names if is_image_name(name) and not name.startswith(".")]
            folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        return sorted(found, key=natural_key)

    def delete(self, path: Path) -> None:
        """Remove one file."""
        if _is_there(path.is_dir):
            raise StorageWriteError(path, errno.EISDIR, "wanted an image to delete, found a folder")
        try:
            path.unlink()
        except FileNotFoundError as error:
            raise ImageNotFoundError("an image", path) from error
        except OSError as error:
            raise StorageWriteError.of(path, error) from error

    def ensure_directory(self, folder: Path) -> None:
        """Make a folder, and those above it, unless they are there."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageWriteError.of(folder, error) from error


def _give_up(error: OSError) -> NoReturn:
    raise error  # os.walk would leave out a folder that it may not read, and say nothing


def _write(data: object, path: Path, described: Description) -> Reference:
    pixels = host_pixels(data)
    check_described(
        pixels,
        kind=described.kind,
        axes=described.axes,
        pixel_size=described.pixel_size,
        z_step=described.z_step,
    )
    write_atomically(path, writer_of(path, pixels, described))
    if not is_tiff_name(path.name) or axes_of(pixels, described) == "ZYX":
        return None
    return FileRef(path=os.path.abspath(path))


def _is_there(ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except PermissionError:
        raise  # whether it is there cannot be said
    except OSError:  # a name that is too long is there nowhere
        return False
