"""Libraries that only some need: imported by who needs them, with an error that says how to install them."""

from collections.abc import Iterator
from contextlib import contextmanager

from hcs_protocol import HcsError


class MissingExtraError(HcsError, ModuleNotFoundError):
    """A library that only some need is not installed."""

    def __init__(self, needs: str, extra: str) -> None:
        super().__init__(needs, extra)
        self.needs = needs
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.needs} needs what is not installed: pip install 'hcs-stream[{self.extra}]'"


@contextmanager
def extra(name: str, needs: str) -> Iterator[None]:
    """Say, of what is imported meanwhile and is not there, which extra brings it.

    Args:
        name: The extra of hcs-stream, ``"zarr"``.
        needs: Who needs it, ``"the backend 'zarr'"``.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(needs, name) from error
