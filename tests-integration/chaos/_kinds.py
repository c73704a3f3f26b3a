"""All kinds of faults, by their names."""

from collections.abc import Callable

from . import _faults as processes
from . import _faults_of_links as links
from . import _faults_of_memory as memory
from . import _faults_of_peers as peers
from ._stage import Stage

FAULTS: dict[str, Callable[[Stage], None]] = {
    "worker_killed": processes.kill_worker,
    "viewer_killed": processes.kill_viewer,
    "both_killed": processes.kill_both,
    "worker_frozen": processes.freeze_worker,
    "viewer_frozen": processes.freeze_viewer,
    "viewer_closed": processes.close_viewer,
    "connection_files_removed": processes.remove_connection_files,
    "port_stolen": processes.steal_port,
    "interrupted": processes.interrupt,
    "forked": processes.fork,
    "pool_worker_ended": processes.end_pool_worker,
    "clock_jumped": processes.jump_clock,
    "link_cut": links.cut_link,
    "link_silent": links.silence_link,
    "data_link_cut": links.cut_data_link,
    "data_link_silent": links.silence_data_link,
    "memory_full": memory.fill_memory,
    "disk_full": memory.fill_disk,
    "segments_corrupted": memory.corrupt_segments,
    "junk_with_key": peers.hear_junk_with_key,
    "junk_of_strangers": peers.hear_junk_of_strangers,
}

NEED_A_DEVICE = frozenset({"memory_full", "disk_full"})
NEED_A_PROXY = frozenset({"link_cut", "link_silent", "data_link_cut", "data_link_silent"})
