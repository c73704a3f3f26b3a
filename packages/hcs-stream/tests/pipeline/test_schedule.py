"""Which wells are in hand, and what becomes of them when workers die."""

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future

import pytest

from hcs_stream.pipeline._job import Job, WellReport
from hcs_stream.pipeline._report import Tally
from hcs_stream.pipeline._schedule import Schedule
from hcs_stream.pipeline._well import Well
from hcs_stream.pipeline._workers import Workers

WELLS = [Well("P", name, ()) for name in ("A01", "A02", "A03", "A04", "A05")]
JOB = Job(run="run", steps=(), viewers={})
Outcome = Callable[[Well], WellReport]


class FakeWorkers(Workers):
    """Does a well as soon as it is submitted; a test says what becomes of each."""

    def __init__(self, outcome: Outcome, room: int = 2) -> None:
        self._outcome = outcome
        self._room = room
        self.begun: list[str] = []
        self.ends = 0
        self.can_be_mended = True

    @property
    def room(self) -> int:
        return self._room

    def submit(self, job: Job, well: Well) -> "Future[WellReport]":
        self.begun.append(well.name)
        future: Future[WellReport] = Future()
        try:
            future.set_result(self._outcome(well))
        except Exception as error:
            future.set_exception(error)
        return future

    def deaths(self, error: BaseException) -> int:
        return int(isinstance(error, BrokenExecutor))

    def mended(self) -> Workers | None:
        return self if self.can_be_mended else None

    def end(self) -> None:
        self.ends += 1

    def interrupt(self) -> None:
        self.ends += 1


def go(
    workers: Workers, *, attempts: int = 3, stops_on_error: bool = False
) -> tuple[Tally, list[tuple[int, int]]]:
    seen: list[tuple[int, int]] = []
    tally = Tally(WELLS)
    schedule = Schedule(
        JOB,
        WELLS,
        workers,
        tally,
        lambda done, of: seen.append((done, of)),
        attempts=3,
        stops_on_error=stops_on_error,
    )
    schedule.go()
    return tally, seen


def fine(well: Well) -> WellReport:
    return WellReport(images_published=1)


def test_all_wells_are_done_and_told_and_the_workers_let_go() -> None:
    workers = FakeWorkers(fine)

    tally, seen = go(workers)

    assert tally.report("run").wells_done == tuple(well.name for well in WELLS)
    assert (seen, workers.ends) == ([(done, 5) for done in range(1, 6)], 1)


def test_a_well_whose_worker_died_runs_again_and_one_that_always_kills_is_given_up() -> None:
    def outcome(well: Well) -> WellReport:
        deadly = well.name == "A02" or (well.name == "A04" and workers.begun.count("A04") < 3)
        if deadly:
            raise BrokenExecutor("killed")
        return fine(well)

    workers = FakeWorkers(outcome)

    tally, seen = go(workers)

    report = tally.report("run")
    assert [workers.begun.count(well.name) for well in WELLS] == [1, 3, 1, 3, 1]
    assert report.wells_done == ("A01", "A03", "A04", "A05")
    assert report.failures["A02"].startswith("its worker died 3 times")
    assert seen[-1] == (5, 5)


def test_where_nobody_knows_who_died_suspects_run_alone_at_the_end() -> None:
    def outcome(well: Well) -> WellReport:
        if well.name == "A01" and workers.begun.count("A01") < 2:
            raise BrokenExecutor("killed")
        return fine(well)

    workers = FakeWorkers(outcome)
    workers.knows_who_died = False

    go(workers)

    assert workers.begun == ["A01", "A02", "A03", "A04", "A05", "A01"]


def test_an_executor_that_broke_for_good_fails_what_is_left_and_ends() -> None:
    def outcome(well: Well) -> WellReport:
        raise BrokenExecutor("killed")

    workers = FakeWorkers(outcome, room=5)
    workers.can_be_mended = False

    report = go(workers)[0].report("run")

    assert len(report.failures) + len(report.wells_not_run) == 5
    assert report.wells_done == ()


def test_on_error_stop_begins_with_no_further_well() -> None:
    def outcome(well: Well) -> WellReport:
        return WellReport(error="bad") if well.name == "A02" else fine(well)

    report = go(FakeWorkers(outcome, room=1), stops_on_error=True)[0].report("run")

    assert (report.wells_done, list(report.failures)) == (("A01",), ["A02"])
    assert report.wells_not_run == ("A03", "A04", "A05")


def test_what_an_executor_raises_otherwise_is_the_wells_failure() -> None:
    def outcome(well: Well) -> WellReport:
        if well.name == "A03":
            raise ModuleNotFoundError("no module named 'mine'")
        return fine(well)

    report = go(FakeWorkers(outcome))[0].report("run")

    assert report.failures == {"A03": "ModuleNotFoundError: no module named 'mine'"}


def test_ctrl_c_in_a_worker_ends_the_schedule() -> None:
    class Interrupted(FakeWorkers):
        def submit(self, job: Job, well: Well) -> "Future[WellReport]":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(Interrupted(fine))
