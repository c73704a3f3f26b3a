"""What napari finds of this package, and what the commands do in somebody's napari."""

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import napari
import pytest
from napari.settings import get_plugin_settings
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest

from hcs_protocol import Connection, find_connections
from hcs_viewer import _plugin
from hcs_viewer._listener import Listener
from hcs_viewer._listeners import listener_of, listeners
from hcs_viewer._preferences import preferred_settings

Found = Callable[[], list[Connection]]


@pytest.fixture
def viewer(
    make_napari_viewer: Callable[..., napari.Viewer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[napari.Viewer]:
    """A napari that its user started."""
    for name in ("HCS_RUNTIME_DIR", "HCS_SHM_DIR", "HCS_SPILL_DIR"):
        (tmp_path / name).mkdir(mode=0o700)
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("HCS_DATA_PORT", "24700")
    yield make_napari_viewer()
    for listener in list(listeners):
        listener.close()


@pytest.fixture
def found(tmp_path: Path) -> Found:
    return lambda: [connection for _, connection in find_connections([tmp_path / "HCS_RUNTIME_DIR"])]


@pytest.fixture
def said() -> Callable[[], str]:
    """What the user was told last."""
    return lambda: notification_manager.records[-1].message


def listener_in(viewer: napari.Viewer) -> Listener:
    listener = listener_of(viewer)
    assert listener is not None
    return listener


def test_the_manifest_is_valid_and_all_that_it_names_is_there() -> None:
    (entry,) = [e for e in entry_points(group="napari.manifest") if e.name == "hcs-viewer"]

    manifest = PluginManifest.from_distribution("hcs-viewer")
    manifest.validate_imports()

    assert entry.value == "hcs_viewer:napari.yaml"
    commands = {command.id for command in manifest.contributions.commands or ()}
    assert {"hcs-viewer.listen", "hcs-viewer.stop_listening", "hcs-viewer.status"} <= commands


def test_the_command_makes_a_napari_listen_and_says_where(
    viewer: napari.Viewer, found: Found, said: Callable[[], str]
) -> None:
    _plugin.listen()

    (connection,) = found()
    assert said().startswith("Listening for hcs streams on port 247") or "is taken" in said()
    assert str(connection.data_port) in said()
    assert not connection.owns_process
    assert listener_in(viewer).settings is not None


def test_a_second_time_it_says_that_it_listens_already(
    viewer: napari.Viewer, found: Found, said: Callable[[], str]
) -> None:
    _plugin.listen()
    _plugin.listen()

    (connection,) = found()
    assert said() == f"Listening for hcs streams already, on port {connection.data_port}."


def test_it_stops_on_command_and_can_begin_again_as_another_viewer(
    viewer: napari.Viewer, found: Found, said: Callable[[], str]
) -> None:
    _plugin.listen()
    (first,) = found()

    _plugin.stop_listening()
    assert not found()
    assert said() == f"No longer listening on port {first.data_port}. The layers stay."

    _plugin.listen()
    (second,) = found()
    assert second.viewer_run != first.viewer_run
    assert second.data_port == first.data_port


def test_to_stop_what_does_not_listen_is_no_error(viewer: napari.Viewer, said: Callable[[], str]) -> None:
    _plugin.stop_listening()

    assert said() == "This napari does not listen for hcs streams."


def test_the_user_is_told_which_port_it_is_if_the_wanted_one_is_taken(
    viewer: napari.Viewer,
    make_napari_viewer: Callable[..., napari.Viewer],
    found: Found,
    said: Callable[[], str],
) -> None:
    _plugin.begin_in(viewer)
    _plugin.begin_in(make_napari_viewer())

    first, second = sorted(connection.data_port for connection in found())
    assert second > first
    assert f"connect(data_port={second})" in said()
    assert {connection.requested_port for connection in found()} == {first, second}


def test_preferences_come_before_variables_and_defaults(viewer: napari.Viewer) -> None:
    preferred = get_plugin_settings("hcs-viewer").listening
    assert (preferred_settings().data_port, preferred_settings().title) == (24700, "napari")
    assert not preferred_settings().follow

    preferred.data_port, preferred.title, preferred.memory = 24710, "Assay 7", "100M"
    wanted = preferred_settings()
    preferred.data_port, preferred.title, preferred.memory = 5555, "napari", "25%"

    assert (wanted.data_port, wanted.title, wanted.memory) == (24710, "Assay 7", 100 << 20)


def test_a_preference_that_means_nothing_is_told(
    viewer: napari.Viewer, found: Found, said: Callable[[], str]
) -> None:
    preferred = get_plugin_settings("hcs-viewer").listening
    preferred.memory = "much"
    _plugin.listen()
    preferred.memory = "25%"

    assert said().startswith("Cannot listen for hcs streams: wanted memory as 4G")
    assert not found()


def test_whoever_asks_it_to_end_makes_it_stop_and_leaves_the_window(
    viewer: napari.Viewer, found: Found, qtbot: object
) -> None:
    _plugin.listen()
    viewer.add_points([[1, 2]])

    listener_in(viewer).window.close_soon()
    qtbot.waitUntil(lambda: not found())  # type: ignore[attr-defined]  # untyped

    assert len(viewer.layers) == 1


def test_closing_its_window_ends_it(viewer: napari.Viewer, found: Found, qtbot: object) -> None:
    _plugin.listen()

    viewer.close()
    qtbot.waitUntil(lambda: not found())  # type: ignore[attr-defined]  # untyped

    assert listener_of(viewer) is None


def test_a_viewers_own_window_is_stopped_by_closing_it_alone(
    viewer: napari.Viewer, said: Callable[[], str]
) -> None:
    _plugin.listen()
    listener_in(viewer).may_stop = False

    _plugin.stop_listening()

    assert said() == "This window is there to listen: it stops when it is closed."


def test_a_key_of_the_users_own_stays_and_the_napari_listens(viewer: napari.Viewer) -> None:
    def own(_viewer: napari.Viewer) -> None:
        pass

    viewer.bind_key("n", own)

    _plugin.listen()

    assert listener_in(viewer).settings is not None
    assert own in viewer.keymap.values()


def test_a_napari_in_3d_listens(viewer: napari.Viewer) -> None:
    viewer.dims.ndisplay = 3

    _plugin.listen()

    assert listener_in(viewer).settings is not None


def test_the_status_that_napari_opens_knows_the_listener(viewer: napari.Viewer) -> None:
    _, status = viewer.window.add_plugin_dock_widget("hcs-viewer", "Status")

    status.button.click()

    assert listener_in(viewer).settings is not None
    assert "Listening" in status.where.text()
    assert listener_in(viewer).viewer is viewer
