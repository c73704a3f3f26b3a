"""Viewers that were seen somehow, a window that lists them, and a clock that is set by hand."""

import gc
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hcs_protocol import PROTOCOL_VERSION, Counters, Pong, WorkerStatus

HAS_QT = all(importlib.util.find_spec(name) for name in ("qtpy", "PyQt6", "pytestqt"))
WITHOUT_QT = (
    "condition",
    "errands",
    "instances",
    "logs",
    "manager_command",
    "remembered",
    "remote",
    "watcher",
)

collect_ignore = (
    []
    if HAS_QT
    else [
        path.name
        for path in Path(__file__).parent.glob("test_*.py")
        if path.stem.removeprefix("test_") not in WITHOUT_QT
    ]
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests in here that open a window."""
    for item in items:
        is_here = item.path.is_relative_to(Path(__file__).parent)
        if is_here and "qtbot" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.window)


def pytest_collection_finish() -> None:
    """Keep what is imported out of each collection of garbage."""
    gc.freeze()


class FakeClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still."""
    return FakeClock()


@pytest.fixture
def pong() -> Callable[..., Pong]:
    """Make an answer."""

    def make(
        state: str = "ready",
        window_age_seconds: float = 0.01,
        title: str = "Assay 1",
        workers: list[WorkerStatus] | None = None,
        **counters: int,
    ) -> Pong:
        return Pong(
            reply_to="-",
            viewer_run="-",
            title=title,
            state=state,  # type: ignore[arg-type]  # a test's own
            window_age_seconds=window_age_seconds,
            protocol_version=PROTOCOL_VERSION,
            counters=Counters(**counters),
            workers=workers or [],
        )

    return make


@pytest.fixture(autouse=True)
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own settings out of it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture(autouse=True)
def no_window_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let windows go that a test closed."""
    yield
    if "qtbot" in request.fixturenames:
        gc.collect()


class FakeDialogs:
    """Somebody who answers what the window asks, and remembers what was asked."""

    def __init__(self) -> None:
        self.launched: Any = None
        self.yes = True
        self.path: Path | None = None
        self.machine: str | None = None
        self.offered: list[tuple[Any, ...]] = []
        self.questions: list[str] = []
        self.told: list[str] = []

    def launch(self, *offered: Any) -> Any:
        """Answer what to launch."""
        self.offered.append(offered)
        return self.launched

    def confirm(self, question: str, explained: str, verb: str) -> bool:
        """Answer whether to go on."""
        self.questions.append(question)
        return self.yes

    def picture_to_save(self, proposed: Path) -> Path | None:
        """Answer where to save."""
        return self.path

    def connection_file(self, folder: str) -> Path | None:
        """Answer which file."""
        return self.path

    def host(self, question: str) -> str | None:
        """Answer which machine."""
        self.questions.append(question)
        return self.machine

    def tell(self, headline: str, text: str) -> None:
        """Read what did not work."""
        self.told.append(f"{headline} {text}")


@pytest.fixture
def dialogs() -> FakeDialogs:
    """Somebody who says yes."""
    return FakeDialogs()
