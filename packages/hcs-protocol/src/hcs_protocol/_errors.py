"""Every error that an hcs package raises on purpose.

HcsError
├── MalformedMessageError (ValueError)          the peer sent no hcs message
├── CompressedPixelsError (ValueError)          a compressed frame is not what its codec and spec say
├── HandshakeRefusedError (ConnectionError)     the viewer does not want this worker
├── InvalidPortError (ValueError)               no data port, or its control port would not exist
├── NoFreePortsError (OSError)                  no free pair of ports was found
├── ConnectionFileError (ValueError)            a connection file is unreadable, open to others or malformed
├── TunnelError (ConnectionError)               ssh does not lead to a viewer on another machine
├── InvalidComponentError (ValueError)          a component's value is none that a plate can have
├── UnsupportedArrayError (TypeError)           no converter knows this array, or a viewer cannot draw it
├── DeviceError (RuntimeError)                  a GPU did not hand an image's pixels over
├── PoolFullError (MemoryError)                 no block is free
├── BlockUnavailableError (LookupError)         a block that was announced cannot be opened
├── ViewerNotInstalledError (ModuleNotFoundError)  there is no viewer to start
├── ViewerStartError (RuntimeError)             a viewer was started and did not become ready
│   ├── PortTakenError (NoFreePortsError)       because another program has its port
│   └── NoDisplayError (OSError)                because there is no screen for its window
├── ViewerOutOfReachError (PermissionError)     its process is another machine's, or its user's own napari
├── ViewerStalledError (TimeoutError)           the viewer released no image in time
└── ViewerRequestError (RuntimeError)           the viewer answered a request with an error
"""


class HcsError(Exception):
    """The base of all errors that an hcs package raises on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        """Let it be made again from what it was made from, also by Dask, whose own way fails with some."""
        return type(self), self.args, self.__dict__


class MalformedMessageError(HcsError, ValueError):
    """The peer sent bytes that are no hcs message."""


class CompressedPixelsError(HcsError, ValueError):
    """A compressed frame is not what its codec and the image's spec say, or is damaged."""


class HandshakeRefusedError(HcsError, ConnectionError):
    """The viewer does not want this worker; the text is the viewer's reason."""


class InvalidPortError(HcsError, ValueError):
    """The number is no data port, or its control port would not exist."""


class NoFreePortsError(HcsError, OSError):
    """No free pair of data and control port was found."""


class ConnectionFileError(HcsError, ValueError):
    """A connection file is unreadable, open to other users or malformed."""


class TunnelError(HcsError, ConnectionError):
    """Ssh does not lead to a viewer on another machine, or back from there; the text says what helps."""

    def __init__(self, text: str, *, lasts: bool = True, is_there: bool = False) -> None:
        super().__init__(text)
        self.lasts = lasts
        """Whether it is no better a moment later: somebody has to do something."""
        self.is_there = is_there
        """Whether ssh got to the machine, and something is wrong there."""


class InvalidComponentError(HcsError, ValueError):
    """A component of an image's address has a value that no plate can have."""


class UnsupportedArrayError(HcsError, TypeError):
    """No converter knows this kind of array, or a viewer cannot draw it."""


class DeviceError(HcsError, RuntimeError):
    """A GPU did not hand an image's pixels over: its memory is full, say, or it is lost."""


class PoolFullError(HcsError, MemoryError):
    """No block of the wanted size is free."""

    def __init__(self, wanted: int, free: int) -> None:
        super().__init__(wanted, free)
        self.wanted = wanted
        self.free = free

    def __str__(self) -> str:
        return f"wanted {self.wanted} bytes of shared memory, {self.free} bytes are free"


class BlockUnavailableError(HcsError, LookupError):
    """A block that was announced cannot be opened: no such segment, or not in its bounds."""


class ViewerNotInstalledError(HcsError, ModuleNotFoundError):
    """There is no viewer to start in this environment, and no command that starts one elsewhere."""


class ViewerStartError(HcsError, RuntimeError):
    """A viewer was started and did not become ready; the text ends with its last log lines."""


class PortTakenError(ViewerStartError, NoFreePortsError):
    """A viewer was started for this port and no other, and another program has it."""


class NoDisplayError(ViewerStartError, OSError):
    """A viewer was started where there is no screen for its window."""


class ViewerOutOfReachError(HcsError, PermissionError):
    """The viewer's process is another machine's, or a napari that its user started: not ours to end."""


class ViewerStalledError(HcsError, TimeoutError):
    """The viewer released no image in time."""


class ViewerRequestError(HcsError, RuntimeError):
    """The viewer answered a request with an error."""
