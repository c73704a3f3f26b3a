"""Which ports: data 5555, control 1000 above it, and free pairs of both."""

import os
from collections.abc import Callable, Mapping

from ._errors import InvalidPortError, NoFreePortsError

DATA_PORT = 5555
CONTROL_OFFSET = 1000
FIRST_PORT = 1024
LAST_DATA_PORT = 65535 - CONTROL_OFFSET


def default_data_port(environ: Mapping[str, str] = os.environ) -> int:
    """Return ``$HCS_DATA_PORT``, or 5555 where it is not set.

    Raises:
        InvalidPortError: The variable names no data port.
    """
    text = environ.get("HCS_DATA_PORT") or str(DATA_PORT)
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(LAST_DATA_PORT))):
        raise InvalidPortError(f"wanted a number as HCS_DATA_PORT, got {text!r}")
    return check_data_port(int(text))


def control_port(data_port: int) -> int:
    """Return the control port that goes with a data port by default.

    Raises:
        InvalidPortError: The data port is none.
    """
    return check_data_port(data_port) + CONTROL_OFFSET


def check_data_port(data_port: int) -> int:
    """Return the data port, or refuse it.

    Raises:
        InvalidPortError: It is below 1024, or its control port would be above 65535.
    """
    is_whole = isinstance(data_port, int)  # not every caller has a type checker
    if not (is_whole and FIRST_PORT <= data_port <= LAST_DATA_PORT):
        raise InvalidPortError(f"wanted a data port from {FIRST_PORT} to {LAST_DATA_PORT}, got {data_port!r}")
    return data_port


def find_free_pair(first: int, is_free: Callable[[int], bool], *, tries: int = 100) -> tuple[int, int]:
    """Return the first data port from ``first`` on that is free together with its control port.

    Args:
        first: The data port to begin with.
        is_free: Says whether a port can be bound; it touches the network so that this does not.
        tries: How many pairs are tried.

    Raises:
        NoFreePortsError: None of them was free.
    """
    last = min(check_data_port(first) + tries, LAST_DATA_PORT + 1)
    for data in range(first, last):
        if is_free(data) and is_free(control_port(data)):
            return data, control_port(data)
    raise NoFreePortsError(f"no free pair of ports from {first} to {last - 1}")


def endpoint(host: str, port: int) -> str:
    """Return the ZeroMQ endpoint of a port; IPv6 addresses come in brackets."""
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
