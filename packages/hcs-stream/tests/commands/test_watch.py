"""A watched acquisition: each file is sent once, when it is whole, at the address that its plate gives it."""

import io
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pytest
import tifffile
from rich.console import Console

from hcs_protocol import ViewerStalledError
from hcs_protocol.testing import FakeClock
from hcs_stream.commands._arrivals import Arrival, files_below
from hcs_stream.commands._finishing import Finishing
from hcs_stream.commands._plate_knowledge import PlateKnowledge
from hcs_stream.commands._teller import Teller
from hcs_stream.commands._watch import Watch, look
from hcs_stream.microscopes import format_htd
from hcs_stream.sending import Sender
from hcs_stream.sending._read_ahead import AHEAD


class Told:
    """Arrivals that a test makes; waiting moves the clock."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.folder = folder
        self.clock = clock
        self.next: list[Arrival] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was begun."""

    def wait(self, seconds: float) -> list[Arrival]:
        self.clock.advance(seconds)
        found, self.next = self.next, []
        return found

    def look(self) -> list[Arrival]:
        return [Arrival(path) for path in files_below(self.folder)]


class FakeStream:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.is_stalled = False
        self.meanwhile: list[Callable[[], object]] = []
        """What happens while the first image is sent."""

    def send(self, pixels: object, **keywords: object) -> None:
        if self.is_stalled:
            raise ViewerStalledError("the viewer takes nothing")
        self.sent.append(keywords)
        while self.meanwhile:
            self.meanwhile.pop()()


class Story:
    """A watch over a folder, and everything around it."""

    def __init__(self, folder: Path, pattern: str | None = None) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.stream = FakeStream()
        self.arrivals = Told(folder, self.clock)
        self.errors = io.StringIO()
        teller = Teller(Console(file=self.errors), self.clock)
        self.finishing = Finishing(look, self.clock, settle=0.5, patience=10)
        knowledge = PlateKnowledge(folder, self.clock, pattern=pattern)
        self.sender = Sender(self.stream)  # type: ignore[arg-type]  # it has what is called
        self.watch = Watch(self.arrivals, self.finishing, knowledge, self.sender, teller, self.clock)

    def arrive(self, name: str, pixels: bytes | None = None, *, is_told: bool = True) -> Path:
        path = self.folder / name
        if pixels is None:
            tifffile.imwrite(path, np.ones((4, 5), "uint16"))
        else:
            path.write_bytes(pixels)
        self.arrivals.next.append(Arrival(path, is_told=is_told))
        return path

    def go_on(self, seconds: float = 2) -> None:
        for _ in range(int(seconds / 0.5)):
            self.watch.turn(0.5)

    @property
    def wells(self) -> list[str | None]:
        return [keywords.get("well") for keywords in self.stream.sent]


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """A watch over an empty folder."""
    return Story(tmp_path)


def test_files_that_have_to_be_converted_first_are_told_of_once(story: Story) -> None:
    for name in ("WellA01_Seq0000.nd2", "WellA02_Seq0001.nd2", "WellA02_Seq0001.nd2", "notes.txt"):
        story.arrive(name, b"of somebody else")
    story.go_on()

    assert story.errors.getvalue().count("convert them with bioformats2raw") == 1
    assert [path.name for path in story.watch.skipped["other"]] == [
        "WellA01_Seq0000.nd2",
        "WellA02_Seq0001.nd2",
    ]


def test_images_are_sent_in_the_order_of_their_plate(story: Story) -> None:
    for well in ("B02", "A10", "A02"):
        story.arrive(f"P_{well}_s1_w1.TIF")
    story.go_on()

    assert story.wells == ["A02", "A10", "B02"]


def test_names_of_ones_own_are_read_by_a_pattern_and_others_left_out(tmp_path: Path) -> None:
    story = Story(tmp_path, "{well}-f{site}.tif")
    for name in ("overview.tif", "P_A01_s1_w1.TIF"):
        story.arrive(name)
    story.go_on()
    story.arrive("B02-f3.tif")
    story.go_on()

    assert [(sent["well"], sent["site"]) for sent in story.stream.sent] == [("B02", 3)]
    assert {why: len(paths) for why, paths in story.watch.skipped.items()} == {"not matching": 2}
    assert story.errors.getvalue().count("unlike the pattern") == 1


def test_an_image_that_arrives_again_is_not_sent_again(story: Story) -> None:
    path = story.arrive("P_A01_s1_w1.TIF")
    story.go_on()
    path.touch()
    story.arrivals.next = [Arrival(path, is_told=True), Arrival(path)]
    story.go_on()

    assert story.wells == ["A01"]
    assert "changed after it was sent, and not sent again" in story.errors.getvalue()


def test_a_file_that_becomes_whole_while_others_are_sent_is_not_called_changed(story: Story) -> None:
    for column in range(1, AHEAD + 2):
        story.arrive(f"P_A{column:02}_s1_w1.TIF")
    last = story.arrive("P_B01_s1_w1.TIF", b"II*\0")
    story.stream.meanwhile = [lambda: tifffile.imwrite(last, np.ones((4, 5), "uint16"))]

    story.go_on()

    assert story.wells[-1] == "B01"
    assert "changed after it was sent" not in story.errors.getvalue()


def test_half_a_file_is_sent_when_it_is_whole(story: Story) -> None:
    path = story.arrive("P_A01_s1_w1.TIF", b"II*\0")
    story.go_on(8)
    before = story.wells
    story.arrive(path.name)
    story.go_on(1)

    assert (before, story.wells) == ([], ["A01"])
    assert "cannot be read" not in story.errors.getvalue()


def test_a_file_that_stays_broken_is_told_of_once_and_tried_on(story: Story) -> None:
    path = story.arrive("P_A01_s1_w1.TIF", b"II*\0")
    story.go_on(60)
    told = story.errors.getvalue().count("cannot be read, and is tried on")
    tifffile.imwrite(path, np.ones((4, 5), "uint16"))
    story.go_on(20)

    assert told == 1
    assert story.wells == ["A01"]
    assert "became readable, and is sent" in story.errors.getvalue()


def test_thumbnails_are_left_out_and_strangers_are_shown(story: Story) -> None:
    story.arrive("P_A01_s1_w1.TIF")
    story.arrive("P_A01_s1_w1_thumb.TIF")
    story.arrive("overview.tif")
    story.arrive("notes.txt", b"")
    story.go_on()

    assert story.wells == ["A01", None]
    assert story.stream.sent[1]["site"] == "overview"
    assert [path.name for path in story.watch.skipped["thumbs"]] == ["P_A01_s1_w1_thumb.TIF"]


def test_strangers_of_one_name_do_not_take_each_others_place(story: Story) -> None:
    for folder in ("one", "two"):
        (story.folder / folder).mkdir()
        story.arrive(f"{folder}/overview.tif")
        story.go_on()

    assert [keywords["site"] for keywords in story.stream.sent] == ["overview", "two/overview"]


def test_names_that_metadata_bring_hold_from_then_on(story: Story) -> None:
    story.arrive("P_A01_s1_w1.TIF")
    story.go_on()
    story.arrive("P.HTD", format_htd({"1": "DAPI"}).encode("latin-1"))
    story.go_on()
    story.arrive("P_A02_s1_w1.TIF")
    story.go_on()

    assert [keywords["channel"] for keywords in story.stream.sent] == ["1", "DAPI"]
    assert story.errors.getvalue().count("1 image would have other names or sizes") == 1


def test_images_wait_while_the_viewer_takes_nothing(story: Story) -> None:
    story.stream.is_stalled = True
    story.arrive("P_A01_s1_w1.TIF")
    story.go_on()
    story.stream.is_stalled = False
    story.go_on()

    assert story.wells == ["A01"]
    assert "the viewer takes nothing" in story.errors.getvalue()


def test_it_looks_once_more_before_it_ends(story: Story) -> None:
    story.arrive("P_A01_s1_w1.TIF")
    story.arrivals.next.clear()

    story.watch.run(idle=3)

    assert story.wells == ["A01"]


def test_it_ends_when_nothing_has_come_for_a_while(story: Story) -> None:
    story.arrive("P_A01_s1_w1.TIF")
    story.arrive("P_A02_s1_w1.TIF", b"II*\0")
    began = story.clock()

    story.watch.run(idle=3)

    assert story.wells == ["A01"]
    assert story.clock() - began >= 10  # the patience for the other
    assert [path.name for path in story.finishing.unfinished] == ["P_A02_s1_w1.TIF"]


def test_a_plate_that_takes_long_to_look_up_is_not_looked_up_all_the_time(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    slowly = _slowly(story.clock, looks)
    monkeypatch.setattr("hcs_stream.commands._plate_knowledge.open_plates", slowly)
    for number in range(40):
        story.arrive(f"P_A{number:02d}_s1_w1.TIF")
        story.go_on(0.5)
    story.go_on(10)

    assert len(story.wells) == 40
    assert all(later - earlier >= 5 for earlier, later in pairwise(looks))


def test_what_a_later_step_of_one_channel_changes_is_told_once(story: Story) -> None:
    for step in ("01", "02"):
        for well in ("A1", "A2"):
            story.arrive(f"{well}_{step}_1_1_DAPI_001.tif")
            story.go_on()

    assert [keywords["channel"] for keywords in story.stream.sent] == ["DAPI"] * 2 + ["DAPI (step 2)"] * 2
    assert story.errors.getvalue().count("2 images would have other names or sizes") == 1


@pytest.mark.parametrize("later", ["A01_s1_w1.tif", "A001_s1_w1.tif"])
def test_a_later_file_of_the_same_address_is_a_duplicate(story: Story, later: str) -> None:
    for name in ("A01_s1_w1.tif" if later != "A01_s1_w1.tif" else "A1_s1_w1.tif", later):
        story.arrive(name)
        story.go_on()

    assert story.wells == ["A01"]
    assert [path.name for path in story.watch.skipped["duplicates"]] == [later]
    assert "another image has its address" in story.errors.getvalue()


def test_a_change_that_nobody_tells_of_is_noticed_once(story: Story) -> None:
    path = story.arrive("P_A01_s1_w1.TIF", is_told=False)
    story.go_on()
    tifffile.imwrite(path, np.ones((6, 7), "uint16"))
    story.go_on()

    assert story.errors.getvalue().count("changed after it was sent") == 1


def test_planes_of_a_file_that_fails_later_on_are_counted_once(story: Story) -> None:
    path = story.folder / "P_A01_s1_w1.TIF"
    tifffile.imwrite(path, np.ones((2, 4, 5), "uint16"), compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path) as file:
        second = file.pages[1].dataoffsets[0]
    with path.open("r+b") as file:
        file.seek(second)
        file.write(b"no zlib")
    story.arrive(path.name, path.read_bytes())
    story.go_on(20)

    assert story.wells.count("A01") > 1
    assert story.sender.sent == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_what_is_no_file_is_not_waited_for(story: Story) -> None:
    os.mkfifo(story.folder / "P_A01_s1_w1.TIF")
    story.arrivals.next = [Arrival(story.folder / "P_A01_s1_w1.TIF", is_told=True)]
    story.go_on()

    assert (story.wells, story.finishing.unfinished) == ([], [])


def test_images_wait_while_the_folder_cannot_be_looked_through(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("hcs_stream.commands._plate_knowledge.open_plates", _closed)
        story.arrive("P_A01_s1_w1.TIF")
        story.arrive("P.HTD", format_htd({"1": "DAPI"}).encode("latin-1"))
        story.go_on(20)
    before = story.wells
    story.go_on(20)

    assert (before, story.wells) == ([], ["A01"])
    assert story.errors.getvalue().count("the folder cannot be looked through") == 1


def test_a_folder_that_may_not_be_looked_into_is_named_once_and_the_others_are_watched(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def but_one(path: Path) -> object:
        return _closed() if path == story.folder / "closed" else scandir(path)

    monkeypatch.setattr(os, "scandir", but_one)
    (story.folder / "closed").mkdir()
    for well in ("A01", "A02"):
        story.arrive(f"P_{well}_s1_w1.TIF")
        story.go_on()

    assert story.wells == ["A01", "A02"]
    assert story.errors.getvalue().count("not watched") == 1


def _closed(*arguments: object, **keywords: object) -> object:
    raise PermissionError(13, "Permission denied", "/closed")


def _slowly(clock: FakeClock, looks: list[float]) -> Callable[..., object]:
    from hcs_stream.sending import open_plates

    def look_up(*arguments: Any, **keywords: Any) -> object:
        looks.append(clock())
        clock.advance(1)
        return open_plates(*arguments, **keywords)

    return look_up
