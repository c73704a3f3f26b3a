from pathlib import Path

import pytest

from hcs_protocol import PoolFullError
from hcs_shm._segments import SMALLEST_SLOT, Segments, slot_size


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
    segments = Segments([folder], 10 << 20, "w")

    made = segments.add(3 << 20)

    assert made is not None
    assert made.journal.header.slot_count == 3
    assert segments.add(3 << 20) is None
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 10 << 20
    segments.close()


def test_a_segment_of_small_slots_has_many(folder: Path) -> None:
    segments = Segments([folder], 64 << 20, "w")

    made = segments.add(SMALLEST_SLOT)

    assert made is not None
    assert made.journal.header.slot_count == 64
    segments.close()


def test_the_second_folder_is_used_if_the_first_cannot_be(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "file").touch()
    segments = Segments([folder / "file" / "no folder", folder / "second"], 64 << 20, "w")
    segments.add(1 << 20)

    assert {segment.path.parent for segment in segments} == {folder / "second"}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "HCS_SHM_DIR" in caplog.text
    segments.close()


def test_no_folder_at_all_is_an_error_that_says_what_to_do(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "file").touch()

    with pytest.raises(PoolFullError):
        Segments([folder / "file"], None, "w")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "HCS_SHM_DIR" in caplog.text


def test_closing_twice_is_harmless(folder: Path) -> None:
    segments = Segments([folder], 1 << 20, "w")

    segments.close()
    segments.close()

    assert list(folder.iterdir()) == []
