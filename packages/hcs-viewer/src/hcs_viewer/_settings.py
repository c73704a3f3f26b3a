"""What a viewer can be told on its command line or by `HCS_…` variables."""

import msgspec

from hcs_protocol import DATA_PORT, HcsError, is_loopback

from ._pace import BUDGET_SECONDS, FRAME_SECONDS


class ExposedViewerError(HcsError, ValueError):
    """A viewer that lets everybody in would be within reach of other machines."""


class ViewerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one viewer process."""

    data_port: int = DATA_PORT
    """Images come in here; control is 1000 above it."""
    title: str = "HCS Pipeline Visualization"
    bind: str = "127.0.0.1"
    """The address to listen on."""
    insecure: bool = False
    """Whether everybody on this machine is let in, without keys and encryption."""
    next_free: bool = False
    """Whether to take the next free pair of ports when one is taken."""
    stdin_is_parent: bool = False
    """Whether to end when standard input does, that is with the process that holds its other end."""
    memory: int | None = None
    """Bytes for images and textures; None is a quarter of the machine's."""
    follow: bool = False
    """Whether the sliders follow the newest image from the start."""
    path_map: tuple[str, ...] = ()
    """Folders of other machines and which ones they are here, ``THERE=HERE`` each."""
    verbose: bool = False
    frame_milliseconds: float = 1000 * FRAME_SECONDS
    """From one frame to the next while images flood in, at least; an idle window draws at once."""
    budget_milliseconds: float = 1000 * BUDGET_SECONDS
    """For laying out what arrived, per frame."""

    def __post_init__(self) -> None:
        """Refuse to let other machines in without a key.

        Raises:
            ExposedViewerError: They would be.
        """
        if self.insecure and not is_loopback(self.bind):
            raise ExposedViewerError(
                f"wanted a loopback address for a viewer that lets everybody in, found {self.bind!r}; "
                "leave out --insecure, or --bind"
            )


def is_every(address: str) -> bool:
    """Say whether an address stands for all that this machine has."""
    return address in {"*", "0.0.0.0", "::"}
