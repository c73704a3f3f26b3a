"""Viewers that are to come to harm: without a window, which would only slow them down."""

import time
from collections.abc import Callable, Iterator

import pytest
from fuzz.peer import Peer
from fuzz.target import Places, Target, running_viewer

PATIENCE_SECONDS = 50.0
LOOK_SECONDS = 0.02


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    """Folders of a viewer."""
    places = Places()
    yield places
    places.close()


@pytest.fixture(scope="module")
def target(places: Places) -> Iterator[Target]:
    """A viewer's process."""
    with running_viewer(places) as target:
        yield target


@pytest.fixture
def peer(target: Target) -> Iterator[Peer]:
    """A worker that the viewer lets in."""
    with Peer(target.connection) as peer:
        yield peer


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is true."""

    def wait(is_true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_true():
            assert time.monotonic() < deadline, "it never came about"
            time.sleep(LOOK_SECONDS)

    return wait
