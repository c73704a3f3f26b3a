"""The viewer's connection file: there as long as the viewer listens, whoever cleans up its folder."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

from hcs_protocol import (
    Connection,
    ConnectionFileError,
    find_connections,
    read_connection,
    runtime_folders,
    write_connection,
)

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""From one look whether it is there to the next."""


class ConnectionFile:
    """Without it nobody finds the viewer: systemd removes it with its folder when the user logs out."""

    def __init__(self, connection: Connection) -> None:
        """Write nothing yet."""
        self._connection = connection
        self._path: Path | None = None
        self._problem = ""
        self._writing = threading.Lock()
        self._is_over = threading.Event()

    @contextlib.contextmanager
    def written(self) -> Iterator[Path]:
        """Write it, and keep it there until it is over; then nothing of it is left.

        Raises:
            ConnectionFileError: No folder takes it.
        """
        thread = threading.Thread(target=self._keep, name="hcs-connection-file", daemon=True)
        try:
            self._path = write_connection(self._connection, runtime_folders())
            thread.start()
            yield self._path
        finally:
            self._is_over.set()
            self._remove()
            if thread.ident is not None:
                thread.join()

    def mend(self) -> None:
        """Write it once more if it is gone, or of a viewer elsewhere.

        One of the same address, in another network namespace, keeps it: both would go on writing it.
        """
        with self._writing:
            if self._is_over.is_set() or self._is_there():
                return
            try:
                self._path = write_connection(self._connection, runtime_folders())
            except ConnectionFileError as error:
                self._warn_once(str(error))
                return
        self._problem = ""
        logger.warning("connection file written again path=%s", self._path)

    def _keep(self) -> None:
        while not self._is_over.wait(LOOK_SECONDS):
            self.mend()

    def _is_there(self) -> bool:
        with contextlib.suppress(ConnectionFileError):
            return self._path is not None and self._is_here(read_connection(self._path))
        return False

    def _is_here(self, found: Connection) -> bool:
        ours = self._connection
        address = ours.machine, ours.host, ours.data_port
        return (found.machine, found.host, found.data_port) == address

    def _is_ours(self, found: Connection) -> bool:
        return found.viewer_run == self._connection.viewer_run

    def _warn_once(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            logger.warning("connection file missing, and not written again reason=%s", problem)

    def _remove(self) -> None:
        """Remove it; looked for, since a signal may come between the file and its name."""
        with self._writing:
            for path, found in find_connections(runtime_folders()):
                if self._is_ours(found):
                    path.unlink(missing_ok=True)
