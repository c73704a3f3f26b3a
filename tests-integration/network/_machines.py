"""Machines of a test: network namespaces around a switch, with cables that can be cut, muted and slowed.

Everything is named ``hcs-test-<pid>-…``: `sweep` removes what a killed harness left.
"""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PREFIX = "hcs-test-"
SUBNET = "10.213.0"
RELAY = Path(__file__).with_name("_relay.py")
CABLE, BRIDGE = "eth0", "bridge"
USE_RENO = "echo reno > /proc/sys/net/ipv4/tcp_congestion_control"
"""It slows down at every loss and fills the queues of routers, and every namespace may have it."""
NOTHING_PASSES = ("tbf", "rate", "8bit", "burst", "10b", "limit", "10b")
"""No packet is so small."""
QUEUE = 20_000
"""Packets that a slow cable may have under way."""


class NoNetworkError(Exception):
    """Namespaces cannot be made as wanted; the text says why."""


@dataclass(frozen=True)
class Slowness:
    """What a cable does to each packet, in each direction."""

    rate: str = "1gbit"
    delay_milliseconds: float = 20.0
    loss_percent: float = 1.0


class Machine:
    """One network namespace, and its cable to the switch."""

    def __init__(
        self, name: str, switch: str, address: str, *, relay: subprocess.Popen[bytes] | None
    ) -> None:
        self.name = name
        self.address = address
        self.prefix = ("ip", "netns", "exec", name)
        """What to put before a command that runs there."""
        self._switch = switch
        self._port = name.rpartition("-")[2]
        self._relay = relay

    def unplug(self) -> None:
        """Pull the cable: both ends see it."""
        _ip("-n", self._switch, "link", "set", self._port, "down")

    def plug_in(self) -> None:
        """Put the cable back."""
        _ip("-n", self._switch, "link", "set", self._port, "up")

    def vanish(self) -> None:
        """Have everything to and from it dropped further away: its cable looks as before."""
        _ip("-n", self._switch, "link", "set", self._port, "nomaster")

    def reappear(self) -> None:
        """Let packets through again."""
        _ip("-n", self._switch, "link", "set", self._port, "master", BRIDGE)

    def take_down(self) -> None:
        """Switch its own interface off, and with it the routes, as when a laptop sleeps."""
        _ip("-n", self.name, "link", "set", CABLE, "down")

    def bring_up(self) -> None:
        """Switch its interface on again."""
        _ip("-n", self.name, "link", "set", CABLE, "up")

    def mute(self) -> None:
        """Drop all that it sends; what is sent to it arrives."""
        _tc("-n", self.name, "qdisc", "replace", "dev", CABLE, "root", *NOTHING_PASSES)

    def unmute(self) -> None:
        """Let through again what it sends."""
        _tc("-n", self.name, "qdisc", "del", "dev", CABLE, "root")

    def throttle(self, rate: str, queue: str) -> None:
        """Let it be sent no more than this rate; what waits, up to a size, delays all else sent to it."""
        how = ("tbf", "rate", rate, "burst", "20kb", "limit", queue)
        _tc("-n", self._switch, "qdisc", "replace", "dev", self._port, "root", *how)

    def close(self) -> None:
        """End what runs in it, and remove it; a second time is harmless."""
        _remove(self.name)
        if self._relay and self._relay.stdin:
            self._relay.stdin.close()
            self._relay.wait()


class Network:
    """A switch and the machines around it; use it in a ``with`` statement."""

    def __init__(self) -> None:
        self._names = f"{PREFIX}{os.getpid()}-"
        self._switch = f"{self._names}switch"
        self._numbers = itertools.count(1)
        self._machines: list[Machine] = []

    def __enter__(self) -> "Network":
        sweep()
        try:
            _ip("netns", "add", self._switch)
            _ip("-n", self._switch, "link", "add", BRIDGE, "type", "bridge", "forward_delay", "0")
            _ip("-n", self._switch, "link", "set", BRIDGE, "up")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def machine(self, slowness: Slowness | None = None) -> Machine:
        """Add a machine, on a fast cable or a slow one."""
        number = next(self._numbers)
        name, address, port = f"{self._names}{number}", f"{SUBNET}.{number}", f"{number}"
        _ip("netns", "add", name)
        has_kernel = slowness is None or why_no_netem() == ""
        relay = None if has_kernel or slowness is None else self._lay_relay(name, port, slowness)
        self._machines.append(Machine(name, self._switch, address, relay=relay))
        if relay is None:
            ends = ("type", "veth", "peer", "name", CABLE, "netns", name)
            _ip("-n", self._switch, "link", "add", port, *ends)
        _ip("-n", self._switch, "link", "set", port, "master", BRIDGE, "up")
        _run("ip", "netns", "exec", name, "sh", "-c", USE_RENO)  # else as it is here
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", CABLE)
        for device in ("lo", CABLE):
            _ip("-n", name, "link", "set", device, "up")
        if slowness and not relay:
            for where, device in ((name, CABLE), (self._switch, port)):
                _tc("-n", where, "qdisc", "add", "dev", device, "root", *_netem(slowness))
        if slowness and relay:
            rate = ("tbf", "rate", slowness.rate, "burst", "1mb", "latency", "100ms")
            _tc("-n", name, "qdisc", "add", "dev", CABLE, "root", *rate)
        return self._machines[-1]

    def close(self) -> None:
        """Remove everything; a second time is harmless."""
        while self._machines:
            self._machines.pop().close()
        _remove(self._switch)

    def _lay_relay(self, name: str, port: str, slowness: Slowness) -> subprocess.Popen[bytes]:
        numbers = (str(slowness.delay_milliseconds / 1000), str(slowness.loss_percent / 100))
        command = ("ip", "netns", "exec", self._switch, sys.executable, str(RELAY), port, CABLE, *numbers)
        relay = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert relay.stdout is not None
        with relay.stdout as said:
            if not said.readline():
                relay.wait()
                raise NoNetworkError("no TAP device can be made: is /dev/net/tun there?")
        _ip("-n", self._switch, "link", "set", CABLE, "netns", name)
        return relay


def why_no_network() -> str:
    """Return why no namespaces can be made here, or an empty text."""
    if not sys.platform.startswith("linux") or os.geteuid():
        return "network namespaces need root on Linux"
    if missing := [name for name in ("ip", "tc") if not shutil.which(name)]:
        return (
            f"wanted the programs ip and tc, not found: {' '.join(missing)}; try 'apt-get install iproute2'"
        )
    try:
        with Network() as network:
            machine = network.machine()
            machine.mute()
            machine.unmute()
    except NoNetworkError as error:
        return f"network namespaces cannot be made: {error}"
    return ""


def why_no_netem() -> str:
    """Return why the kernel cannot slow a cable itself, or an empty text; then a relay does it."""
    with _scratch() as name:
        done = _run("tc", "-n", name, "qdisc", "add", "dev", "lo", "root", *_netem(Slowness()))
    return done.stderr.decode().strip()


def sweep() -> None:
    """Remove the namespaces of harnesses that are gone, and end what still runs in them."""
    for name in _namespaces():
        owner = name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            _remove(name)


def left() -> list[str]:
    """Return which namespaces of this process there are."""
    return [name for name in _namespaces() if name.startswith(f"{PREFIX}{os.getpid()}-")]


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    name = f"{PREFIX}{os.getpid()}-scratch"
    _ip("netns", "add", name)
    try:
        yield name
    finally:
        _remove(name)


def _namespaces() -> list[str]:
    folder = Path("/run/netns")
    return sorted(path.name for path in folder.glob(f"{PREFIX}*")) if folder.is_dir() else []


def _remove(name: str) -> None:
    if name not in _namespaces():
        return
    for pid in _run("ip", "netns", "pids", name).stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    _run("ip", "netns", "del", name)


def _netem(slowness: Slowness) -> tuple[str, ...]:
    delay, loss = f"{slowness.delay_milliseconds}ms", f"{slowness.loss_percent}%"
    return ("netem", "delay", delay, "loss", loss, "rate", slowness.rate, "limit", str(QUEUE))


def _ip(*words: str) -> None:
    _check(_run("ip", *words))


def _tc(*words: str) -> None:
    _check(_run("tc", *words))


def _run(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(words, capture_output=True, check=False)


def _check(done: subprocess.CompletedProcess[bytes]) -> None:
    if done.returncode:
        raise NoNetworkError(f"{' '.join(done.args)}: {done.stderr.decode().strip()}")
