"""Running viewers, found by their connection files."""

from hcs_protocol import default_data_port, find_connections, runtime_folders

from ._viewer import Viewer
from ._whereabouts import is_at, needs_proof


def viewers() -> list[Viewer]:
    """Return the viewers of this user that run, by their ports; other machines' if their file is here."""
    found = {
        connection.viewer_run: Viewer(connection, path)
        for path, connection in find_connections(runtime_folders())
    }
    unproven = {run: viewer for run, viewer in found.items() if needs_proof(viewer.connection)}
    alive = [viewer for run, viewer in found.items() if run not in unproven and viewer.is_alive]
    taken = {_address(viewer) for viewer in alive}  # another viewer would answer there, to other keys
    alive += [viewer for viewer in unproven.values() if _address(viewer) not in taken and viewer.is_alive]
    return sorted(alive, key=lambda viewer: (viewer.connection.data_port, viewer.connection.host))


def find_viewer(data_port: int | None = None, *, host: str = "localhost") -> Viewer | None:
    """Return the running viewer that was asked for this data port, or has it; None if there is none.

    The connection file of a viewer that is gone is removed. One that another machine wrote for itself is
    left, and believed only if the viewer answers here. The port is else ``$HCS_DATA_PORT``, else 5555.
    """
    data_port = default_data_port() if data_port is None else data_port
    found = [
        (
            (not needs_proof(connection), connection.requested_port == data_port, connection.start_time),
            Viewer(connection, path),
        )
        for path, connection in find_connections(runtime_folders())
        if data_port in {connection.requested_port, connection.data_port} and is_at(connection, host)
    ]
    for _, viewer in sorted(found, key=lambda entry: entry[0], reverse=True):
        if viewer.is_alive:
            return viewer
        if not needs_proof(viewer.connection):
            viewer.forget()
    return None


def _address(viewer: Viewer) -> tuple[str, int]:
    return viewer.connection.host, viewer.connection.control_port
