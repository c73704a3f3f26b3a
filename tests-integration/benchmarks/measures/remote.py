"""Pixels as frames: ours beside bare ZeroMQ, over loopback, and through a slow link compressed."""

from contextlib import ExitStack
from dataclasses import dataclass

from lanes.children import Child, start
from lanes.lane import Lane
from lanes.places import Places, free_port

from .ours import OPEN, SECURED
from .report import Report
from .slow_link import NoLinkError, SlowLink, slow_link

SIZE, NBYTES = "8mb", 8 << 20
LOOPBACK = "127.0.0.1"
KEYS = {OPEN: "plain_x_zmq_raw", SECURED: "curve_x_zmq_raw_curve"}
BITS_PER_SECOND = 1_000_000_000
LIMIT = BITS_PER_SECOND / 8 / NBYTES
"""Images per second of a link on which nothing but their pixels goes."""
LINK_KEY = "images_per_s_x_uncompressed_limit"


@dataclass(frozen=True, kw_only=True)
class RemoteExtent:
    """Numbers of pairs, and of the images of one side of a pair."""

    pairs: int
    rotated_nbytes: int
    warm_up: int
    loopback: int
    link: int


FULL_REMOTE = RemoteExtent(pairs=15, rotated_nbytes=256 << 20, warm_up=16, loopback=20, link=24)
QUICK_REMOTE = RemoteExtent(pairs=2, rotated_nbytes=1 << 20, warm_up=2, loopback=3, link=4)


def measure_loopback(report: Report, places: Places, extent: RemoteExtent) -> None:
    """Note how much longer an image takes than with bare ZeroMQ, with and without encryption."""
    for security, key in KEYS.items():
        with ExitStack() as children:
            worker, viewer = _our_ends(places, children, security, "noise")
            lanes = {name: Lane(name, worker, viewer, operation=name) for name in ("send", "lent")}
            lanes["bare"] = _bare_lane(places, children, security, "noise")
            times = _in_turn(lanes, dict.fromkeys(lanes, extent.loopback), extent)
        images = extent.pairs * extent.loopback
        report.compare(key, times["send"], times["bare"], images)
        report.compare(f"{key}_lent", times["lent"], times["bare"], images)
        for name, seconds in times.items():
            report.note(f"8 MB as a frame, {security}, {name}", seconds)


def measure_link(report: Report, places: Places, extent: RemoteExtent) -> None:
    """Note how many times more images come through a slow link than would without a codec."""
    try:
        with slow_link(BITS_PER_SECOND) as link:
            _measure_link(report, places, extent, link)
    except NoLinkError as error:
        report.skip(LINK_KEY, str(error))


def _measure_link(report: Report, places: Places, extent: RemoteExtent, link: SlowLink) -> None:
    with ExitStack() as children:
        worker, viewer = _our_ends(places, children, SECURED, "cells", link)
        for codec, key in (("blosc2-zstd", "compression_ratio"), ("blosc2-lz4", "compression_ratio_lz4")):
            report.ratios[key] = worker.ask("ratio", codec=codec)["ratio"]
        ours = Lane("zstd", worker, viewer, operation="send")
        lanes = {"zstd": ours, "bare": _bare_lane(places, children, SECURED, "cells", link)}
        times = _in_turn(lanes, {"zstd": 2 * extent.link, "bare": extent.link}, extent)
        worker.ask("flush", stream="far")  # which hears what the viewer said last
        report.count("lost", ours.images - worker.ask("counters", stream="far")["adopted"])
    limits, images = [1 / LIMIT] * extent.pairs, extent.pairs * extent.link
    report.compare(LINK_KEY, limits, times["zstd"], images)
    report.compare(f"bare_{LINK_KEY}", limits, times["bare"], images)
    report.compare("compressed_x_zmq_raw_curve_1gbit", times["zstd"], times["bare"], images)
    report.count("link_bits_per_second", BITS_PER_SECOND)
    report.words["link_made_by"] = link.made_by
    for name, seconds in times.items():
        report.note(f"8 MB of cells through 1 Gbit/s, {name}", seconds)


def _our_ends(
    places: Places, children: ExitStack, security: str, content: str, link: SlowLink | None = None
) -> tuple[Child, Child]:
    """Start a worker and a viewer that cannot read its memory, and have them meet."""
    host, within = (link.host, link.within) if link else (LOOPBACK, ())
    port = free_port()
    how = {"log": places.log}
    viewer = start(
        children, "our_viewer", port, security, host, environ=places.environ(), within=within, **how
    )
    worker = start(children, "far_worker", SIZE, security, content, environ=places.environ(SIZE), **how)
    viewer.wait_until_ready()
    compression = "zstd" if link else "auto"  # which would choose that only between two machines
    worker.ask("connect_far", host=host, data_port=port, compression=compression)
    return worker, viewer


def _bare_lane(
    places: Places, children: ExitStack, security: str, content: str, link: SlowLink | None = None
) -> Lane:
    host, within = (link.host, link.within) if link else (LOOPBACK, ())
    port = free_port()
    how = {"log": places.log, "environ": places.environ()}
    consumer = start(children, "bare_frames", "consumer", host, port, SIZE, security, within=within, **how)
    producer = start(children, "bare_frames", "producer", host, port, SIZE, content, **how)
    producer.ask("connect", key=consumer.ask("key")["key"])
    return Lane("bare", producer, consumer)


def _in_turn(lanes: dict[str, Lane], counts: dict[str, int], extent: RemoteExtent) -> dict[str, list[float]]:
    """Flood each lane in turn, forwards and backwards; returns seconds for each image."""
    for lane in lanes.values():
        lane.flood(extent.warm_up)
    times: dict[str, list[float]] = {name: [] for name in lanes}
    for turn in range(extent.pairs):
        for name in reversed(lanes) if turn % 2 else lanes:
            times[name].append(lanes[name].flood(counts[name]))
    return times
