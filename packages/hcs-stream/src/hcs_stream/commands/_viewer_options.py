"""The options by which a command says which viewer it means, and the stream to it."""

import argparse
from typing import get_args

from hcs_protocol import DisplayConfiguration
from hcs_stream._assembly import connect
from hcs_stream._compression import Compression
from hcs_stream._overflow import Overflow
from hcs_stream._stream import Stream

from ._ssh_option import add_ssh

CONNECT_SECONDS = 60.0
"""A viewer that is started may have to import napari from a cold disk."""


def add_viewer_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--port``, ``--host``, ``--ssh``, ``--compression``, ``--title`` and ``--run`` to a command."""
    viewer = parser.add_argument_group("which viewer")
    viewer.add_argument(
        "--port",
        "--data-port",
        type=int,
        metavar="PORT",
        help="its data port; else $HCS_DATA_PORT, else 5555. A viewer is started if none runs there",
    )
    viewer.add_argument(
        "--host", default="localhost", help="its machine, whose connection file is here (default %(default)s)"
    )
    add_ssh(viewer)
    viewer.add_argument(
        "--compression",
        choices=get_args(Compression),
        help="of pixels on their way to another machine; else $HCS_COMPRESSION, else auto: zstd",
    )
    viewer.add_argument("--title", help="of its window, if it is started")
    viewer.add_argument(
        "--run", dest="run_name", metavar="NAME", help="images sent again by one name replace each other"
    )


def connect_as_said(
    options: argparse.Namespace, display: DisplayConfiguration, overflow: str | None
) -> Stream:
    """Return a stream to the viewer that the options say.

    Raises:
        HcsError: As `connect`.
        ValueError: As `connect`.
    """
    return connect(
        options.ssh,
        data_port=options.port,
        host=options.host,
        title=options.title,
        run=options.run_name,
        display=display,
        overflow=None if overflow is None else Overflow.of(overflow),
        compression=options.compression,
        timeout=CONNECT_SECONDS,
    )
