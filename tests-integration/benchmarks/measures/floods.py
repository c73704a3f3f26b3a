"""Images as fast as they go, until the last one is checked: ours against every other way, in pairs."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from lanes.catalogue import open_lane
from lanes.environments import MissingPeerError
from lanes.lane import Lane
from lanes.places import Places

from .extent import Extent
from .ours import OPEN, SECURED, OurPair
from .report import Report

ENDINGS = {"ours": "", "ours, lent": "_lent", "ours, no security": "_insecure"}
"""Of the keys, by the names of our lanes."""

Times = dict[str, list[float]]
"""Seconds for each image, by the names of the lanes; one entry for each round."""


def measure_floods(
    report: Report, places: Places, extent: Extent, *, ways: Sequence[str], install: bool
) -> None:
    """Note ``flood_SIZE_x_WAY`` for each size and way."""
    for size, count in extent.flood.items():
        with ExitStack() as children:
            secured, unsecured = (OurPair(places, children, size, how) for how in (SECURED, OPEN))
            theirs = list(_their_lanes(report, places, children, size, ways, install=install))
            for lane in theirs:
                lane.flood(extent.warm_up)
            ours = _our_lanes(secured, unsecured, extent)
            rounds: list[Times] = [{} for _ in theirs]
            for turn in range(extent.pairs):
                for peer, times in zip(theirs, rounds, strict=True):
                    _flood_in_turn([*ours, peer], count, times, backwards=bool(turn % 2))
        for peer, times in zip(theirs, rounds, strict=True):
            _note(report, size, peer.name, times, count * extent.pairs)


def _our_lanes(secured: OurPair, unsecured: OurPair, extent: Extent) -> list[Lane]:
    for pair in (secured, unsecured):
        pair.warm_up(extent.warm_up)
    return [
        unsecured.lane("ours, no security", "send one"),
        secured.lane("ours, lent", "lent one"),
        secured.lane("ours", "send one"),  # beside the peer in every order
    ]


def _their_lanes(
    report: Report, places: Places, children: ExitStack, size: str, ways: Sequence[str], *, install: bool
) -> Iterator[Lane]:
    for way in ways:
        try:
            yield open_lane(way, size, places, children, install=install)
        except MissingPeerError as error:
            report.miss(str(error))


def _flood_in_turn(lanes: Sequence[Lane], count: int, times: Times, *, backwards: bool) -> None:
    for lane in reversed(lanes) if backwards else lanes:
        times.setdefault(lane.name, []).append(lane.flood(count))


def _note(report: Report, size: str, peer: str, times: Times, images: int) -> None:
    for ours, ending in ENDINGS.items():
        report.compare(f"flood_{size}_x_{peer}{ending}", times[ours], times[peer], images)
        report.note(f"flood {size}, {ours}", times[ours])
    report.note(f"flood {size}, {peer}", times[peer])
