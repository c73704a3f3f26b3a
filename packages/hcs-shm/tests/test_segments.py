import logging
from dataclasses import replace
from pathlib import Path

import pytest

from hcs_shm._header import Kind
from hcs_shm._medium import DISK, MEMORY
from hcs_shm._segment import OwnSegment
from hcs_shm._segments import SMALLEST_SLOT, Segments, slot_size


def added(segments: Segments, slot_nbytes: int) -> OwnSegment:
    made = segments.create(segments.fitting(slot_nbytes), slot_nbytes)
    assert made is not None
    segments.add(made)
    return made


@pytest.mark.parametrize(
    ("nbytes", "size"),
    [
        (0, SMALLEST_SLOT),
        (1, SMALLEST_SLOT),
        (SMALLEST_SLOT + 1, SMALLEST_SLOT * 5 // 4),
        (2048 * 2048 * 2, 8 << 20),
        (2160 * 2560 * 2, 12 << 20),
        ((8 << 20) + 1, 10 << 20),
    ],
)
def test_a_slot_is_little_larger_than_its_image(nbytes: int, size: int) -> None:
    assert slot_size(nbytes) == size


@pytest.mark.parametrize("nbytes", [*range(SMALLEST_SLOT, SMALLEST_SLOT * 4, 997), (1 << 30) + 1])
def test_a_slot_wastes_less_than_a_quarter_and_ends_at_a_page(nbytes: int) -> None:
    size = slot_size(nbytes)

    assert nbytes <= size < nbytes * 5 / 4 + 1
    assert size % 4096 == 0


def test_segments_stay_within_their_budget(folder: Path) -> None:
    segments = Segments(MEMORY, [folder], 10 << 20, "w")

    made = added(segments, 3 << 20)

    assert made.header.slot_count == 3
    assert segments.fitting(3 << 20) == 0
    assert sum(path.stat().st_size for path in folder.iterdir()) == segments.nbytes <= 10 << 20
    segments.close()


def test_a_segment_of_small_slots_has_many(folder: Path) -> None:
    segments = Segments(MEMORY, [folder], 64 << 20, "w")

    assert segments.fitting(SMALLEST_SLOT) == 64


def test_segments_grow_with_the_pool_so_that_there_are_few(folder: Path) -> None:
    segments = Segments(DISK, [folder], 1 << 44, "w")
    count, nbytes = 0, 0
    while segments.nbytes < 1 << 34:
        slots = segments.fitting(1 << 18)
        nbytes, count = slots << 18, count + 1
        segments.nbytes += nbytes

    assert count < 50
    segments.nbytes = 0


def test_the_second_folder_is_used_if_the_first_cannot_be(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "file").touch()
    segments = Segments(MEMORY, [folder / "file" / "no folder", folder / "second"], 64 << 20, "w")
    for _ in range(2):
        added(segments, 1 << 20)

    assert {segment.path.parent for segment in segments} == {folder / "second"}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "HCS_SHM_DIR" in caplog.text
    segments.close()


def test_without_any_room_nothing_is_made_and_one_warning_says_what_to_do(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "file").touch()
    segments = Segments(DISK, [folder / "file"], 64 << 20, "w")

    assert [segments.create(1, SMALLEST_SLOT) for _ in range(3)] == [None, None, None]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "HCS_SPILL_DIR" in caplog.text


def test_without_a_folder_to_measure_one_warning_says_which_and_why(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "file").touch()
    segments = Segments(DISK, [folder / "file"], None, "w")

    assert segments.fitting(SMALLEST_SLOT) == segments.budget == 0
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"{folder / 'file'}: " in caplog.text


def test_a_segment_larger_than_what_is_free_is_not_even_tried(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    segments = Segments(MEMORY, [folder], 1 << 60, "w")

    assert segments.fitting(1 << 50) == 0
    assert "no room in" in caplog.text


def test_a_measured_budget_that_is_small_is_said_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    nearly_full = replace(MEMORY, headroom=lambda _: 40 << 20)
    segments = Segments(nearly_full, [folder / "file" / "none", folder], None, "w")

    assert segments.budget == segments.budget == 10 << 20
    assert [record.getMessage() for record in caplog.records] == [
        f"shared memory small folder={folder / 'file' / 'none'} budget={10 << 20}: {MEMORY.advice}"
    ]


def test_a_pool_without_a_folder_has_no_budget(folder: Path) -> None:
    (folder / "file").touch()

    assert Segments(MEMORY, [folder / "file"], None, "w").budget == 0


def test_a_segment_says_whose_it_is_and_where_its_pixels_lie(folder: Path, spill_folder: Path) -> None:
    memory, disk = Segments(MEMORY, None, 1 << 20, "w"), Segments(DISK, None, 1 << 20, "w")

    headers = [added(segments, SMALLEST_SLOT).header for segments in (memory, disk)]

    assert [header.kind for header in headers] == [Kind.MEMORY, Kind.DISK]
    assert {header.worker_run for header in headers} == {"w"}
    assert len(list(folder.iterdir())) == len(list(spill_folder.iterdir())) == 1
    memory.close()
    disk.close()


def test_closing_twice_is_harmless(folder: Path) -> None:
    segments = Segments(MEMORY, [folder], 1 << 20, "w")
    added(segments, SMALLEST_SLOT)

    segments.close()
    segments.close()

    assert list(folder.iterdir()) == []
    assert segments.nbytes == 0


def test_what_is_said_again_is_no_warning(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    segments = Segments(MEMORY, [folder], 1 << 20, "w")

    segments.say_full(5)
    segments.say_full(5)

    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG"]
