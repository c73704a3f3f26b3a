"""Which position is followed: a table of cases, and laws."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_protocol import (
    COMPONENTS,
    Components,
    FrameRef,
    ImageAddress,
    ImageReady,
    ImageSpec,
    RunStarted,
    Step,
)
from hcs_viewer._follow import Follow
from hcs_viewer._inbox import ArrivedImage
from hcs_viewer._layout import Layout

ONE, TWO = Step(index=1, name="one"), Step(index=2, name="two")


class Came(NamedTuple):
    """An image that came."""

    well: str
    channel: str | int | None = None
    z: int | None = None
    step: Step | None = ONE
    kind: str = "image"
    site: int = 1


class Eye:
    """Somebody who follows, and the layout."""

    def __init__(self, *, is_on: bool = True, z: int | None = None, channels: tuple[str, ...] = ()) -> None:
        self.follow = Follow(is_on=is_on)
        self.at = dict.fromkeys(COMPONENTS) | {"z_index": z}
        self.unseen: set[Step] = set()
        self.moves: list[tuple[object, object]] = []
        self._layout = Layout()
        if channels:
            self.follow.declare(RunStarted(sequence=1, run="r", channels=[*channels]))

    def sees(self, *images: Came) -> None:
        """Let images arrive in one frame."""
        for came in images:
            components = Components(well=came.well, site=came.site, channel=came.channel, z_index=came.z)
            address = ImageAddress(run="r", step=came.step, components=components)
            spec = ImageSpec(shape=(2, 3), dtype="uint16", axes=("y", "x"), kind=came.kind)
            ready = ImageReady(
                sequence=1, address=address, spec=spec, pixels=FrameRef(frame=1, nbytes=spec.nbytes)
            )
            placement = self._layout.place(ready, 1)
            self.follow.arrived(placement.layer, placement.positions, ArrivedImage(ready, 1, "w", 0.0))
        self.frame()

    def frame(self) -> None:
        if (
            wanted := self.follow.wanted(self.at, lambda model: model.key.step not in self.unseen)
        ) is not None:
            assert "z_index" not in wanted
            assert "channel" not in wanted
            self.moves.append((wanted["well"], wanted["site"]))

    @property
    def wells(self) -> list[object]:
        """Which wells were gone to, one after the other."""
        return [well for place, (well, _) in enumerate(self.moves) if (well, _) not in self.moves[:place]]


CASES = {
    "one without a channel is complete": ([], [Came("A01"), Came("A02")], ["A01", "A02"]),
    "declared channels are waited for": (
        ["D", "G"],
        [Came("A01", "D"), Came("A02", "D"), Came("A02", "G"), Came("A01", "G")],
        ["A02", "A01"],
    ),
    "channels seen before are waited for": (
        [],
        [Came("A01", "D"), Came("A01", "G"), Came("A02", "D"), Came("A03", "G"), Came("A03", "D")],
        ["A01", "A03"],
    ),
    "each step has channels of its own": (
        [],
        [Came("A01", "D"), Came("A01", "G"), Came("A02", "D", step=TWO)],
        ["A01", "A02"],
    ),
    "a step with other channels than the declared ones has those it shows": (
        ["D", "G"],
        [Came("A01", "D/G", step=TWO), Came("A02", "D/G", step=TWO)],
        ["A01", "A02"],
    ),
    "labels have channels of their own": (["D", "G"], [Came("A01", "D", kind="labels")], ["A01"]),
    "an image of all channels is complete": (["D", "G"], [Came("A01", None)], ["A01"]),
    "channel 1 is channel '1'": (["1", "2"], [Came("A01", 1), Came("A01", 2)], ["A01"]),
    "one site's channels are not another's": (
        ["D", "G"],
        [Came("A01", "D", site=1), Came("A01", "G", site=2), Came("A01", "D", site=2)],
        ["A01"],
    ),
}


@pytest.mark.parametrize(("channels", "came", "wells"), CASES.values(), ids=CASES.keys())
def test_each_image_in_a_frame_of_its_own(channels: list[str], came: list[Came], wells: list[str]) -> None:
    eye = Eye(channels=tuple(channels))

    for image in came:
        eye.sees(image)

    assert eye.wells == wells


def test_channels_that_are_declared_late_are_waited_for() -> None:
    eye = Eye()
    eye.sees(Came("A01", "D"))
    eye.follow.declare(RunStarted(sequence=1, run="r", channels=["D", "G"]))

    eye.sees(Came("A02", "D"))

    assert eye.wells == ["A01"]


def test_there_is_one_move_per_frame_to_the_newest_complete_position() -> None:
    eye = Eye(channels=("D", "G"))

    eye.sees(*(Came(well, channel) for well in ("A01", "A02") for channel in "DG"), Came("A03", "D"))

    assert eye.moves == [("A02", 1)]


def test_a_frame_without_images_moves_nothing() -> None:
    eye = Eye()
    eye.sees(Came("A01"))

    eye.frame()

    assert eye.moves == [("A01", 1)]


def test_a_well_is_gone_to_when_the_z_looked_at_is_there() -> None:
    eye = Eye(z=2, channels=("D", "G"))
    eye.sees(*(Came("A01", channel, z) for channel in "DG" for z in (1, 2, 3)))

    for z in (1, 2, 3):
        for channel in "DG":
            eye.sees(Came("A02", channel, z))
            expected = ["A01", "A02"] if (z, channel) >= (2, "G") else ["A01"]
            assert eye.wells == expected


def test_a_z_that_no_image_has_is_not_waited_for() -> None:
    eye = Eye(z=200)

    eye.sees(Came("A01", "D", 1))

    assert eye.wells == ["A01"]


def test_a_projection_is_seen_at_every_z() -> None:
    eye = Eye(z=2)
    eye.sees(Came("A01", "D", 2))

    eye.sees(Came("A02", "D", None))

    assert eye.wells == ["A01", "A02"]


def test_a_step_of_which_nothing_can_be_seen_is_not_followed() -> None:
    eye = Eye()
    eye.unseen.add(TWO)

    eye.sees(Came("A01"), Came("A02", step=TWO))

    assert eye.wells == ["A01"]


def test_it_is_off_by_default() -> None:
    assert not Follow().is_following


def test_turned_on_it_goes_to_the_newest_position_that_came_before() -> None:
    eye = Eye(is_on=False)
    eye.sees(Came("A01"))
    eye.sees(Came("A02"))
    assert eye.moves == []

    eye.follow.turn(True)
    eye.frame()

    assert eye.wells == ["A02"]


def test_paused_it_stays_until_it_is_turned_on_again() -> None:
    eye = Eye()
    eye.sees(Came("A01"))
    eye.follow.pause()
    eye.sees(Came("A02"))
    assert (eye.wells, eye.follow.is_paused) == (["A01"], True)

    eye.follow.turn(True)
    eye.frame()

    assert (eye.wells, eye.follow.is_paused) == (["A01", "A02"], False)


def test_what_is_off_is_not_paused() -> None:
    follow = Follow()

    follow.pause()

    assert not follow.is_paused


def test_every_change_is_told() -> None:
    follow, told = Follow(), []
    follow.changed = lambda: told.append((follow.is_on, follow.is_paused))

    follow.turn(True)
    follow.pause()
    follow.pause()
    follow.turn(False)

    assert told == [(True, False), (True, True), (False, False)]


def test_a_run_that_was_cleared_is_gone_to_no_more() -> None:
    eye = Eye(is_on=False)
    eye.sees(Came("A01"))

    eye.follow.keep(set())
    eye.follow.turn(True)
    eye.frame()

    assert eye.moves == []


images = st.builds(
    lambda well, channel, z: Came(well, channel, z),
    st.sampled_from(["A01", "A02", "A03"]),
    st.sampled_from(["D", "G", "C"]),
    st.sampled_from([1, 2]),
)


@given(st.lists(st.lists(images, max_size=5), max_size=12), st.sampled_from([None, 1, 2]))
def test_nobody_is_led_to_a_place_where_a_declared_channel_is_missing(
    frames: list[list[Came]], z: int | None
) -> None:
    eye, there = Eye(z=z, channels=("D", "G", "C")), set()
    for frame in frames:
        before = len(eye.moves)
        eye.sees(*frame)
        there |= {(came.well, came.channel) for came in frame}

        assert len(eye.moves) - before <= 1
        for well, _ in eye.moves[before:]:
            assert {(well, channel) for channel in "DGC"} <= there


@given(
    st.permutations([Came(well, channel, z) for well in ("A01", "A02") for channel in "DG" for z in (1, 2)])
)
def test_once_all_is_there_the_newest_place_is_where_one_is(order: list[Came]) -> None:
    eye = Eye(z=1, channels=("D", "G"))

    for came in order:
        eye.sees(came)

    assert eye.moves[-1][0] == order[-1].well
