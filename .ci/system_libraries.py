#!/usr/bin/env python3
"""Make sure that this machine can open a napari window and, if asked to, make networks of its own.

On Linux, Qt and OpenGL load system libraries that pip cannot install. This script asks the loader which of
them are missing and installs the Debian packages that hold them, as root or with sudo. Where nothing is
missing, and on macOS and Windows, it does nothing.
"""

import argparse
import ctypes
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path

XVFB = "Xvfb"
XVFB_PACKAGE = "xvfb"
NETWORK, NETWORK_PACKAGE = ("ip", "tc"), "iproute2"

PACKAGE_OF_LIBRARY = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libOpenGL.so.0": "libopengl0",
    "libGLX_mesa.so.0": "libglx-mesa0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",  # libglib2.0-0t64 on newer systems, which says it provides this name
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}

LOCK_TIMEOUT_SECONDS = 300


def missing_packages(
    has_library: Callable[[str], bool],
    has_program: Callable[[str], bool],
    *,
    xvfb: bool,
    network: bool = False,
) -> list[str]:
    """Name the Debian packages that a napari window, and networks if wanted, still need, sorted."""
    missing = {package for library, package in PACKAGE_OF_LIBRARY.items() if not has_library(library)}
    if xvfb and not has_program(XVFB):
        missing.add(XVFB_PACKAGE)
    if network and not all(map(has_program, NETWORK)):
        missing.add(NETWORK_PACKAGE)
    return sorted(missing)


def apt_get(*arguments: str) -> list[str]:
    """The apt-get command that waits for others instead of failing."""
    return ["apt-get", "-q", "-y", "-o", f"DPkg::Lock::Timeout={LOCK_TIMEOUT_SECONDS}", *arguments]


def install_commands(packages: Collection[str]) -> list[list[str]]:
    """What root runs to install the packages."""
    return [apt_get("update"), apt_get("install", "--no-install-recommends", *packages)]


def as_root(*, is_root: bool, sudo_works: bool, has_apt: bool) -> list[str] | None:
    """What to put before a command that root must run, or None if there is no way."""
    if not has_apt:
        return None
    noninteractive = ["env", "DEBIAN_FRONTEND=noninteractive"]
    if is_root:
        return noninteractive
    return ["sudo", "-n", *noninteractive] if sudo_works else None


def advice(packages: Collection[str]) -> str:
    """One message for who must install the packages by hand."""
    return (
        f"these system packages are missing: {' '.join(packages)}\n"
        f"install them first:  sudo apt-get install --no-install-recommends {' '.join(packages)}\n"
        "(names of Debian and Ubuntu; elsewhere, the packages that hold the same libraries)"
    )


def loader_has(library: str) -> bool:
    """Ask the loader itself, in this process, for a library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def path_has(program: str) -> bool:
    """Look for a program where a shell would."""
    return shutil.which(program) is not None


def main() -> int:
    """Check, and install what is missing unless told only to check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only check, install nothing")
    parser.add_argument("--no-xvfb", action="store_true", help="there is a display, Xvfb is not needed")
    parser.add_argument("--network", action="store_true", help="also what makes network namespaces")
    arguments = parser.parse_args()
    if not sys.platform.startswith("linux"):
        return 0
    xvfb, network = not arguments.no_xvfb, arguments.network
    packages = missing_packages(loader_has, path_has, xvfb=xvfb, network=network)
    if not packages:
        return 0
    prefix = None if arguments.check else _prefix_here()
    if prefix is None:
        print(advice(packages), file=sys.stderr)
        return 1
    return _install(packages, prefix, xvfb=xvfb, network=network)


def _prefix_here() -> list[str] | None:
    is_root = os.geteuid() == 0
    return as_root(is_root=is_root, sudo_works=not is_root and _sudo_works(), has_apt=path_has("apt-get"))


def _sudo_works() -> bool:
    return path_has("sudo") and not subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode


def _install(packages: Collection[str], prefix: list[str], *, xvfb: bool, network: bool) -> int:
    print(f"installing what is missing: {' '.join(packages)}", file=sys.stderr)
    for command in install_commands(packages):
        result = subprocess.run([*prefix, *command], capture_output=True, text=True)
        if result.returncode:
            print(f"failed: {shlex.join([*prefix, *command])}\n{result.stderr}", file=sys.stderr)
    # A child, because a loader keeps what it knew when its process began.
    still = [sys.executable, str(Path(__file__)), "--check"]
    options = [*([] if xvfb else ["--no-xvfb"]), *(["--network"] if network else [])]
    return subprocess.run([*still, *options]).returncode


if __name__ == "__main__":
    sys.exit(main())
