"""Images are found by another process, which says how far it is, why there are none, and can be ended."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hcs_stream.sending import Opening, OpeningCancelledError, OpeningError


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """Two images."""
    for well in ("A01", "B02"):
        tifffile.imwrite(tmp_path / f"{well}_s1_w1_z1_t1.tif", np.zeros((4, 4), "uint8"))
    return tmp_path


def test_a_plate_is_found_and_files_are_counted_meanwhile(plate: Path) -> None:
    counts: list[int] = []

    table = Opening([str(plate)]).run(counts.append)

    assert [table.value("well", row) for row in range(len(table))] == ["A01", "B02"]
    assert counts == [2]


def test_why_there_are_no_images_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    with pytest.raises(OpeningError, match="or an OME-NGFF plate, found 1 file of other kinds"):
        Opening([str(tmp_path)]).run(lambda count: None)


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(OpeningError, match="found nothing at"):
        Opening([str(tmp_path / "away")]).run(lambda count: None)


def test_a_folder_of_pictures_of_other_kinds_opens_too(tmp_path: Path) -> None:
    (tmp_path / "result.png").touch()

    table = Opening([str(tmp_path)]).run(lambda count: None)

    assert table.image(0).keywords == {"site": "result"}


def test_opening_that_is_cancelled_ends_at_once(
    plate: Path, cancelled_by_seen: Callable[[Opening], None]
) -> None:
    opening = Opening([str(plate)])

    with pytest.raises(OpeningCancelledError):
        cancelled_by_seen(opening)


@pytest.fixture
def cancelled_by_seen() -> Callable[[Opening], None]:
    """Open, and cancel as soon as files were seen."""

    def run(opening: Opening) -> None:
        seen = threading.Event()
        canceller = threading.Thread(target=lambda: (seen.wait(), opening.cancel()))
        canceller.start()

        def told(count: int) -> None:
            seen.set()
            canceller.join()

        try:
            opening.run(told)
        finally:
            seen.set()
            canceller.join()

    return run


def test_what_is_cancelled_before_it_begins_does_not_begin(plate: Path) -> None:
    opening = Opening([str(plate)])
    opening.cancel()

    with pytest.raises(OpeningCancelledError):
        opening.run(lambda count: None)
