"""A network of one's own between this process and children elsewhere: a cable of so many bits a second."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

QUEUED_PACKETS = 200
QUEUE_OPTIONS = {
    "netem": ["rate", "{rate}bit", "limit", str(QUEUED_PACKETS)],
    "tbf": ["rate", "{rate}bit", "burst", "256kb", "latency", "20ms"],
}
"""What makes a cable slow, by the kernel's names; the second is there where the first is not."""


class NoLinkError(Exception):
    """No such network can be made here; the text says why."""


@dataclass(frozen=True)
class SlowLink:
    """Two ends of a cable."""

    host: str
    """The address of the far end."""
    within: tuple[str, ...]
    """What starts a command there."""
    made_by: str
    """What of the kernel makes it slow."""


@contextmanager
def slow_link(bits_per_second: int) -> Iterator[SlowLink]:
    """Make a namespace at the end of such a cable, and remove both.

    Raises:
        NoLinkError: It is not permitted, or the kernel cannot.
    """
    if sys.platform != "linux" or not (shutil.which("ip") and shutil.which("tc")):
        raise NoLinkError("network namespaces need Linux, ip and tc")
    name, net = f"hcs{os.getpid()}", f"10.203.{os.getpid() % 256}"
    try:
        _do("ip", "netns", "add", name)
    except NoLinkError as error:
        raise NoLinkError(f"a network namespace needs root: {error}") from error
    try:
        _do("ip", "link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
        _do("ip", "addr", "add", f"{net}.1/24", "dev", f"{name}a")
        _do("ip", "link", "set", f"{name}a", "up")
        far = ("ip", "netns", "exec", name)
        _do(*far, "ip", "addr", "add", f"{net}.2/24", "dev", f"{name}b")
        _do(*far, "ip", "link", "set", f"{name}b", "up")
        _do(*far, "ip", "link", "set", "lo", "up")
        made_by = _slow_down((), f"{name}a", bits_per_second)
        _slow_down(far, f"{name}b", bits_per_second)
        yield SlowLink(f"{net}.2", far, made_by)
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)  # the cable goes along


def _slow_down(within: tuple[str, ...], device: str, bits_per_second: int) -> str:
    said = ""
    for kind, options in QUEUE_OPTIONS.items():
        chosen = [option.format(rate=bits_per_second) for option in options]
        try:
            _do(*within, "tc", "qdisc", "add", "dev", device, "root", kind, *chosen)
        except NoLinkError as error:
            said = str(error)
        else:
            return kind
    raise NoLinkError(f"the kernel slows no link down: {said}")


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoLinkError(f"{' '.join(command)}: {done.stderr.strip()}")
