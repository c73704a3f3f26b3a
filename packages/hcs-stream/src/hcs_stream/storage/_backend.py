"""What a storage backend is: `StorageBackend`, and `StreamingBackend` for those that cannot be read."""

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from inspect import Parameter, isabstract, signature
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from hcs_protocol import FileRef

from ._defined import register, remember_unfinished
from ._errors import NotReadableError

Pixels: TypeAlias = npt.NDArray[np.generic]
Reference: TypeAlias = FileRef | None
"""Where a viewer on this machine can read an image by itself; None where it cannot."""


class RegisteredBackend(ABCMeta):
    """Registers each backend that is not abstract under its ``name`` when its class is defined."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, object]) -> None:
        super().__init__(name, bases, namespace)
        if not isabstract(cls) or hasattr(cls, "name"):
            note = remember_unfinished if isabstract(cls) else register
            note(cls)


class StorageBackend(metaclass=RegisteredBackend):
    """Keeps images by path: shape ``(y, x)``, ``(z, y, x)`` or ``(y, x, 3 or 4)``, any library's arrays.

    Subclasses are registered when they are defined; one instance, made without arguments, serves a process.
    Keyword arguments of `save` beyond data and path are the backend's options.
    """

    name: ClassVar[str]
    """What `FileManager` knows it by."""
    can_be_read: ClassVar[bool] = True

    @abstractmethod
    def save(self, data: object, path: Path, *args: Any, **options: Any) -> Reference:
        """Keep one image; return where a viewer finds it, if it can.

        Subclasses have the options that they want; they are passed by name.
        """

    @abstractmethod
    def load(self, path: Path) -> Pixels:
        """Return one image.

        Raises:
            ImageNotFoundError: None is there.
            UnreadableImageError: It is damaged.
        """

    @abstractmethod
    def exists(self, path: Path) -> bool:
        """Say whether an image, or a folder, is at this path."""

    @abstractmethod
    def list_images(self, folder: Path, *, recursive: bool = False) -> list[Path]:
        """Return the images of a folder in natural order.

        Raises:
            ImageNotFoundError: There is no such folder.
        """

    @abstractmethod
    def delete(self, path: Path) -> None:
        """Remove one image.

        Raises:
            ImageNotFoundError: None is there.
        """

    @abstractmethod
    def ensure_directory(self, folder: Path) -> None:
        """Make a folder, and those above it, unless they are there."""

    def save_batch(
        self, data: Sequence[object], paths: Sequence[Path], *args: Any, **options: Any
    ) -> list[Reference]:
        """Keep several images; if one cannot be kept, those before it are."""
        return [self.save(image, path, **options) for image, path in zip(data, paths, strict=True)]

    def load_batch(self, paths: Sequence[Path]) -> list[Pixels]:
        """Return several images."""
        return [self.load(path) for path in paths]

    def close(self) -> None:  # most have nothing to do
        """Let go of what it holds open; a second time is harmless."""

    @classmethod
    def options(cls) -> frozenset[str] | None:
        """Return the names of the options of `save` and `save_batch`; None if it takes any."""
        one, several = signature(cls.save).parameters.values(), signature(cls.save_batch).parameters.values()
        names = {parameter.name for parameter in (*one, *several) if _is_option(parameter)}
        takes_any = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in one)
        return None if takes_any and not names else frozenset(names)


class BatchBackend(StorageBackend):
    """Keeps several images at once; one is a batch of one."""

    def save(self, data: object, path: Path, *args: Any, **options: Any) -> Reference:
        """Keep one image: `save_batch` of one."""
        return self.save_batch([data], [path], *args, **options)[0]

    @abstractmethod
    def save_batch(
        self, data: Sequence[object], paths: Sequence[Path], *args: Any, **options: Any
    ) -> list[Reference]:
        """Keep several images; if one cannot be kept, those before it are."""


class StreamingBackend(StorageBackend):
    """Sends images away: nothing can be read back.

    If it has an option ``references``, `save_batch` is given as many as images: where those images lie that
    another backend of the same call has kept.
    """

    can_be_read = False

    def load(self, path: Path) -> Pixels:
        """Refuse.

        Raises:
            NotReadableError: Always.
        """
        self._refuse("load")

    def load_batch(self, paths: Sequence[Path]) -> list[Pixels]:
        """Refuse, as `load`."""
        self._refuse("load")

    def exists(self, path: Path) -> bool:
        """Refuse, as `load`."""
        self._refuse("look up paths")

    def list_images(self, folder: Path, *, recursive: bool = False) -> list[Path]:
        """Refuse, as `load`."""
        self._refuse("list images")

    def delete(self, path: Path) -> None:
        """Refuse, as `load`."""
        self._refuse("delete")

    def ensure_directory(self, folder: Path) -> None:
        """Do nothing: images are sent, no folder is needed."""

    def flush(self, timeout: float = 30.0) -> None:
        """Wait until all that was sent has arrived."""

    def _refuse(self, operation: str) -> NoReturn:
        raise NotReadableError(self.name, operation)


def _is_option(parameter: Parameter) -> bool:
    by_name = (Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    has_default = parameter.default is not Parameter.empty
    return parameter.kind is Parameter.KEYWORD_ONLY or (parameter.kind in by_name and has_default)
