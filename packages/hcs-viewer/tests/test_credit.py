import pytest

from hcs_viewer._credit import FRAME_NBYTES, LEAST_NBYTES, frame_credit

GB = 1 << 30


@pytest.mark.parametrize("workers", [1, 40])
def test_without_a_limit_each_worker_may_fill_a_fast_link(workers: int) -> None:
    assert frame_credit(None, workers) == FRAME_NBYTES


def test_a_worker_gets_no_more_than_fills_a_link() -> None:
    assert frame_credit(64 * GB, 1) == FRAME_NBYTES


@pytest.mark.parametrize(("budget", "workers"), [(GB // 4, 1), (GB, 8), (4 * GB, 40)])
def test_all_workers_together_take_a_part_of_the_memory(budget: int, workers: int) -> None:
    together = workers * frame_credit(budget, workers)

    assert budget / 16 < together <= budget / 8


def test_no_worker_waits_for_every_single_image() -> None:
    assert frame_credit(GB // 64, 100) == LEAST_NBYTES


def test_of_many_workers_that_come_few_change_what_the_others_may_have() -> None:
    said = [frame_credit(64 * GB, workers) for workers in range(1, 1001)]

    assert len(set(said)) == 4  # up to 128, 256, 512 and 1024 workers
