"""Which ways there are beside ours, and how each becomes a lane."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass

from .children import Child, start
from .environments import interpreter
from .lane import Lane
from .places import Places, free_port

FOREIGN = {"RAY_USAGE_STATS_ENABLED": "0", "RERUN_ANALYTICS_ENABLED": "false"}


@dataclass(frozen=True, kw_only=True)
class Way:
    """A module of this folder whose producer and consumer are children."""

    module: str
    environment: str | None = None
    """Whose interpreter the children have; None is ours."""
    meets_at: str = "socket"
    """Where the two ends meet: a ``socket`` of a folder, a ``port``, or ``""`` where one child is both."""
    is_asked_for: bool = False
    """Whether it is measured with ``--peers`` only."""


WAYS = {
    "memcpy": Way(module="memory_copy", meets_at=""),
    "iceoryx2": Way(module="iceoryx2_slices", environment="iceoryx2"),
    "iceoryx2_polled": Way(module="iceoryx2_polled", environment="iceoryx2"),
    "sharedmemory_per_image": Way(module="memory_per_image"),
    "zmq_ipc": Way(module="bare_pixels"),
    "multiprocessing_queue": Way(module="queued_images", meets_at="", is_asked_for=True),
    "ray": Way(module="ray_store", environment="ray", meets_at="", is_asked_for=True),
    "rerun_log": Way(module="rerun_log", environment="rerun", meets_at="port", is_asked_for=True),
}


def open_lane(name: str, size: str, places: Places, children: ExitStack, *, install: bool) -> Lane:
    """Start the children of a way.

    Args:
        name: A key of `WAYS`.
        size: Of the images.
        places: Where they keep what they make.
        children: Ends them.
        install: Whether to make an environment that is not there.

    Raises:
        MissingPeerError: There is no environment for them.
        LaneError: One of them did not start.
    """
    way = WAYS[name]
    python, environ = sys.executable, places.environ()
    if way.environment:
        python = str(interpreter(way.environment, install=install))
        environ |= FOREIGN | {"HOME": str(places.folder)}  # they leave things in it

    def child(*arguments: str) -> Child:
        return start(children, way.module, *arguments, size, log=places.log, python=python, environ=environ)

    if not way.meets_at:
        return Lane(name, child())
    address = str(free_port() if way.meets_at == "port" else places.new_folder(name) / "socket")
    consumer = child("consumer", address)
    consumer.wait_until_ready()  # or what the producer says first would be lost, in some ways
    return Lane(name, child("producer", address), consumer)
