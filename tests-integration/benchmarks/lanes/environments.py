"""Virtual environments for other projects' ways, made on the first run and kept for the next."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = "HCS_BENCH_ENVS"
REQUIREMENTS: dict[str, list[str]] = {
    "iceoryx2": ["iceoryx2>=0.10,<0.11", "numpy"],
    "ray": ["ray>=2.40,<3", "numpy"],
    "rerun": ["rerun-sdk>=0.41,<0.42", "numpy"],
    "openhcs": [
        "openhcs==0.8.6",
        "polystore==0.2.19",  # of what it would take of its own authors, the release of its day
        "zmqruntime==0.2.24",
        "napari[pyqt6]==0.9.2",
        "numpy",
    ],
}
"""By what is imported in them; versions whose calls the lanes know."""
INSTALL_SECONDS = 600.0
REASON_LENGTH = 300


class MissingPeerError(Exception):
    """A peer cannot be measured here, for this reason."""


def interpreter(peer: str, *, install: bool) -> Path:
    """Return the Python of this peer's environment.

    Args:
        peer: A key of `REQUIREMENTS`.
        install: Whether to make the environment if it is not there.

    Raises:
        MissingPeerError: It is not there and was not to be made, or could not be.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = _root() / f"{peer}-{version}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not _imports(python, peer):
        if not install:
            raise MissingPeerError(f"{peer}: not installed in {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, python, REQUIREMENTS[peer])
        if not _imports(python, peer):
            raise MissingPeerError(f"{peer}: installed in {folder}, but cannot be imported")
    return python


def _root() -> Path:
    chosen = os.environ.get(ROOT)
    return Path(chosen) if chosen else Path.home() / ".cache" / "hcs-benchmarks"


def _imports(python: Path, peer: str) -> bool:
    return (
        python.exists()
        and not subprocess.run([python, "-c", f"import {peer}, numpy"], check=False).returncode
    )


def _make(folder: Path, python: Path, requirements: list[str]) -> None:
    if uv := shutil.which("uv"):
        commands = [[uv, "venv", "--quiet", "--python", sys.executable, folder]]
        commands.append([uv, "pip", "install", "--quiet", "--python", python, *requirements])
    else:
        commands = [[sys.executable, "-m", "venv", folder]]
        commands.append([python, "-m", "pip", "install", "--quiet", *requirements])
    for command in commands:
        _run([str(part) for part in command])


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", None) or error)[-REASON_LENGTH:]
        raise MissingPeerError(f"{' '.join(command)}: {said}") from error
