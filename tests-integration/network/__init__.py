"""Worker and viewer on machines of their own, which are network namespaces of this one."""

from ._dask import dask_cluster
from ._machines import (
    PREFIX,
    Machine,
    Network,
    NoNetworkError,
    Slowness,
    left,
    sweep,
    why_no_netem,
    why_no_network,
)
from ._scenarios import (
    Outcome,
    away_for_long,
    cut_link,
    overloaded,
    slow_link,
    thin_link,
    two_hosts,
    viewer_vanishes,
)

__all__ = [
    "PREFIX",
    "Machine",
    "Network",
    "NoNetworkError",
    "Outcome",
    "Slowness",
    "away_for_long",
    "cut_link",
    "dask_cluster",
    "left",
    "overloaded",
    "slow_link",
    "sweep",
    "thin_link",
    "two_hosts",
    "viewer_vanishes",
    "why_no_netem",
    "why_no_network",
]
