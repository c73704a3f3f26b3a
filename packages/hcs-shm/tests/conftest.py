import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of this test's segments; a test that leaves one there fails."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tests-of-hcs-shm-", dir=shared) as name:
        monkeypatch.setenv("HCS_SHM_DIR", name)
        yield Path(name)
        left = sorted(path.name for path in Path(name).rglob("hcs-*"))
        assert left == [], f"the test left segments: {left}"


@pytest.fixture
def run_python() -> Run:
    """Run code in a Python of its own and return what it printed."""

    def run(code: str, *, code_expected: int = 0, **environ: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=50,
            env=os.environ | environ,
            check=False,
        )
        assert ran.returncode == code_expected, ran.stderr
        return ran.stdout

    return run
