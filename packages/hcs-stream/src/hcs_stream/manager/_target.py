"""Where images can be sent: a viewer, as the window's parts name it to each other."""

import msgspec


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One viewer that takes images."""

    title: str
    host: str
    data_port: int
    viewer_run: str
