"""Which command starts a viewer."""

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import hcs_stream
from hcs_protocol import ViewerNotInstalledError
from hcs_stream._viewer_kinds import ENTRY_POINTS, command_to_start

A_LIST = ["fiji", "--headless", "no"]
A_LINE = "conda run -n 'my fiji' fiji"
NONE = 7


def made() -> tuple[str, ...]:
    """Return a command, as a callable may."""
    return tuple(A_LIST)


def broken() -> str:
    """Raise, as somebody else's code may."""
    raise OSError("no Java")


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install kinds of viewers: `kinds(fiji="module:attribute")`."""

    def install(**values: str) -> None:
        points = tuple(EntryPoint(name, value, ENTRY_POINTS) for name, value in values.items())
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)
        monkeypatch.setattr("hcs_stream._viewer_kinds.NAPARI_PROGRAM", "hcs-viewer-that-is-not-installed")
        monkeypatch.setitem(sys.modules, "fiji_for_hcs", sys.modules[__name__])

    return install


def test_the_command_comes_from_argument_environment_or_installation() -> None:
    environ = {"HCS_VIEWER_COMMAND": "conda run -n 'my napari' hcs-viewer"}

    assert command_to_start("a 'b c'", environ) == ["a", "b c"]
    assert command_to_start(["a", "b c"], environ) == ["a", "b c"]
    assert command_to_start([Path("/a")], environ) == ["/a"]
    assert command_to_start(None, environ) == ["conda", "run", "-n", "my napari", "hcs-viewer"]
    assert command_to_start(None, {}) == [sys.executable, "-P", "-m", "hcs_viewer"]


@pytest.mark.parametrize(
    ("attribute", "command"),
    [("A_LIST", A_LIST), ("A_LINE", ["conda", "run", "-n", "my fiji", "fiji"]), ("made", A_LIST)],
)
def test_another_package_may_bring_a_kind_of_viewer(
    kinds: Callable[..., None], attribute: str, command: list[str]
) -> None:
    kinds(fiji=f"fiji_for_hcs:{attribute}")

    assert command_to_start(None, {"HCS_VIEWER_COMMAND": "hcs-viewer"}, kind="fiji") == command
    assert command_to_start("mine", {}, kind="fiji") == ["mine"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("fiji_for_hcs:NONE", "wanted a command line, text or list, from .*fiji_for_hcs:NONE, found 7"),
        ("fiji_for_hcs:broken", "fiji_for_hcs:broken failed: OSError: no Java"),
        ("no_such_module:x", "no_such_module:x failed: ModuleNotFoundError"),
    ],
)
def test_a_kind_that_brings_no_command_is_named(kinds: Callable[..., None], value: str, said: str) -> None:
    kinds(fiji=value)

    with pytest.raises(ViewerNotInstalledError, match=said):
        command_to_start(None, {}, kind="fiji")


def test_a_kind_that_nobody_brings_is_refused_with_those_there_are(kinds: Callable[..., None]) -> None:
    kinds(fiji="fiji_for_hcs:A_LIST")

    with pytest.raises(ViewerNotInstalledError, match=r"\(fiji, napari\), found 'imagej'"):
        hcs_stream.start_viewer(23_456, kind="imagej")


def test_a_command_that_no_shell_would_read_is_refused() -> None:
    with pytest.raises(ViewerNotInstalledError, match="No closing quotation"):
        command_to_start("hcs-viewer 'x", {})


def test_a_viewer_in_the_path_is_found(
    kinds: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kinds()
    program = tmp_path / "hcs-viewer-that-is-not-installed"
    program.touch(mode=0o700)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert command_to_start(None, {}) == [str(program)]
