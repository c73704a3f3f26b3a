"""When a file that a microscope writes is finished, on a clock that moves by hand."""

from pathlib import Path

import pytest

from hcs_protocol.testing import FakeClock
from hcs_stream.commands._finishing import LONGEST_WAIT_SECONDS, Finishing, Look

ONE = Path("one.tif")


class Folder:
    """How files look; tests write to it."""

    def __init__(self) -> None:
        self.files: dict[Path, Look] = {}

    def write(self, path: Path, nbytes: int) -> None:
        changed = self.files.get(path, (0, 0))[1] + 1
        self.files[path] = (nbytes, changed)


@pytest.fixture
def folder() -> Folder:
    """A folder without files."""
    return Folder()


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves by hand."""
    return FakeClock()


@pytest.fixture
def finishing(folder: Folder, clock: FakeClock) -> Finishing:
    """Half a second to settle, ten of patience."""
    return Finishing(folder.files.get, clock, settle=0.5, patience=10)


def test_a_file_is_due_when_it_has_stayed_the_same(
    folder: Folder, clock: FakeClock, finishing: Finishing
) -> None:
    folder.write(ONE, 10)
    finishing.saw(ONE)
    clock.advance(0.4)
    early = finishing.due()
    folder.write(ONE, 20)
    clock.advance(0.2)
    growing = finishing.due()
    clock.advance(0.5)

    assert (early, growing, finishing.due()) == ([], [], [ONE])


def test_a_file_that_was_renamed_into_place_is_due_at_once(folder: Folder, finishing: Finishing) -> None:
    folder.write(ONE, 10)
    finishing.saw(ONE, is_whole=True)

    assert finishing.due() == [ONE]


def test_what_was_taken_is_never_due_again(folder: Folder, clock: FakeClock, finishing: Finishing) -> None:
    folder.write(ONE, 10)
    finishing.saw(ONE, is_whole=True)
    finishing.took(ONE)
    folder.write(ONE, 11)

    assert not finishing.saw(ONE)
    assert finishing.was_rewritten(ONE)
    assert not finishing.was_rewritten(ONE)
    clock.advance(100)
    assert finishing.due() == []


def test_what_cannot_be_read_is_tried_later_each_time(
    folder: Folder, clock: FakeClock, finishing: Finishing
) -> None:
    folder.write(ONE, 10)
    finishing.saw(ONE, is_whole=True)
    waits = []
    for _ in range(7):
        finishing.failed(ONE)
        waits.append(finishing.seconds_left(100))
        clock.advance(waits[-1])
        assert finishing.due() == [ONE]

    assert waits == [1, 2, 4, 8, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS]


def test_patience_runs_out_once_and_a_change_renews_it(
    folder: Folder, clock: FakeClock, finishing: Finishing
) -> None:
    folder.write(ONE, 10)
    finishing.saw(ONE)
    told = [finishing.failed(ONE)]
    clock.advance(10)
    told += [finishing.failed(ONE), finishing.failed(ONE)]
    assert (finishing.hopeful, finishing.unfinished) == (0, [ONE])
    folder.write(ONE, 12)
    finishing.saw(ONE)
    told += [finishing.failed(ONE)]

    assert told == [False, True, False, False]
    assert finishing.hopeful == 1


def test_a_file_that_is_gone_is_forgotten(folder: Folder, clock: FakeClock, finishing: Finishing) -> None:
    folder.write(ONE, 10)
    finishing.saw(ONE)
    folder.files.clear()
    clock.advance(1)

    assert finishing.due() == []
    assert finishing.unfinished == []


def test_what_was_there_before_is_left_out_until_it_changes(
    folder: Folder, clock: FakeClock, finishing: Finishing
) -> None:
    folder.write(ONE, 10)
    finishing.ignore(ONE)
    assert not finishing.saw(ONE)
    folder.write(ONE, 20)
    assert finishing.saw(ONE)
    clock.advance(1)

    assert finishing.due() == [ONE]
