"""What the user set in napari's preferences, for listening in a napari of the user's own."""

import os

from napari.settings import get_plugin_settings

from hcs_protocol import DATA_PORT, InvalidPortError, check_data_port, default_data_port

from ._memory import DEFAULT_MEMORY, memory_nbytes
from ._path_map import path_maps
from ._settings import ViewerSettings

PLUGIN = "hcs-viewer"
TITLE = "napari"


def preferred_settings() -> ViewerSettings:
    """Return the settings that the preferences, else the ``HCS_…`` variables, else the defaults give.

    Raises:
        ValueError: One of them means nothing; it says which words do.
    """
    listening = get_plugin_settings(PLUGIN).listening
    return ViewerSettings(
        data_port=_data_port(listening.data_port),
        title=listening.title or TITLE,
        memory=memory_nbytes(listening.memory or DEFAULT_MEMORY),
        follow=listening.follow,
        path_map=tuple(path_maps(os.environ.get("HCS_PATH_MAP") or "")),
    )


def _data_port(preferred: int) -> int:
    if preferred != DATA_PORT:
        return check_data_port(preferred)
    try:
        return default_data_port()
    except InvalidPortError:
        return DATA_PORT
