"""By whom wells are processed, and what cannot be sent to whom."""

import logging
import pickle
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hcs_protocol import PoolFullError
from hcs_stream.microscopes import Plate
from hcs_stream.pipeline import (
    Pipeline,
    PipelineConfig,
    RunInterruptedError,
    RunOptionError,
    Step,
    StepDefinitionError,
    UnknownChannelError,
    UnknownExecutorError,
    UnportableFunctionError,
)

Pixels = Any
MakePlate = Callable[..., Plate]


def same(image: Pixels) -> Pixels:
    return image


def silent(*steps: Step) -> Pipeline:
    return Pipeline(steps, PipelineConfig())


@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_all_wells_are_processed_in_this_process(
    executor: str, make_plate: MakePlate, tmp_path: Path
) -> None:
    plate = make_plate(["A01", "B02", "C03"], sites=2)

    report = silent(Step(lambda image: image, "same")).run(
        plate, tmp_path / "out", executor=executor, workers=2
    )

    assert (report.wells_done, report.images_saved) == (("A01", "B02", "C03"), 6)


def test_an_executor_of_the_callers_own_stays_open(make_plate: MakePlate) -> None:
    with ThreadPoolExecutor(2) as executor:
        report = silent(Step(same)).run(make_plate(["A01", "B02"]), executor=executor)

        assert len(report.wells_done) == 2
        assert executor.submit(int).result() == 0


class Inline(Executor):
    """Does everything at once, as an executor that somebody writes to debug."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Broken(Executor):
    """Breaks over the first well, and stays so."""

    is_broken = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        if self.is_broken:
            raise BrokenExecutor("it is gone")
        self.is_broken = True
        future: Future[Any] = Future()
        future.set_exception(BrokenExecutor("it dies"))
        return future


def test_an_executor_of_the_callers_own_may_take_any_function(make_plate: MakePlate) -> None:
    report = silent(Step(lambda image: image, "same")).run(make_plate(["A01"]), executor=Inline())

    assert report.wells_done == ("A01",)


def test_an_executor_that_stays_broken_ends_the_run_with_a_report(make_plate: MakePlate) -> None:
    report = silent(Step(same)).run(make_plate(["A01", "B02", "C03"]), executor=Broken(), workers=1)

    assert not report.wells_done
    assert set(report.failures.values()) == {
        "wanted an executor that works, found one that broke: it is gone"
    }


def test_a_plate_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "overview.tif").touch()

    with pytest.raises(RunOptionError, match=r"found none .* but 1 of unknown names, such as 'overview.tif'"):
        silent(Step(same)).run(tmp_path, executor="serial")


def test_files_of_unknown_names_are_told_of(make_plate: MakePlate, caplog: pytest.LogCaptureFixture) -> None:
    plate = make_plate(["A01"])
    (plate.folder / "overview.tif").touch()

    silent(Step(same)).run(plate.folder, executor="serial")

    assert "files left out plate='Assay' count=1" in caplog.text


def test_the_output_may_lie_in_the_users_home(
    make_plate: MakePlate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    silent(Step(same)).run(make_plate(["A01"]), "~/out", executor="serial")

    assert (tmp_path / "out" / "Assay").is_dir()


class PanicError(BaseException):
    """As a library in Rust raises it."""


@pytest.mark.parametrize(
    "error", [PanicError("index"), StopIteration(3), SystemExit(2), ValueError("\udcff")]
)
@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_whatever_a_function_raises_is_an_error_of_its_image(
    error: BaseException, executor: str, make_plate: MakePlate
) -> None:
    def fails(image: Pixels) -> Pixels:
        if image[0, 0] == 110:  # of the first site
            raise error
        return image

    report = silent(Step(fails, "odd")).run(make_plate(["A01"], sites=2), executor=executor)

    assert report.failures["A01"].startswith("step 1 'odd', plate Assay, well A01, site 1, channel 1: ")
    assert type(error).__name__ in report.failures["A01"]
    report.failures["A01"].encode()


def test_several_plates_in_one_folder_are_told_apart(make_plate: MakePlate) -> None:
    one, two = (make_plate(["A01"], name=name) for name in ("One", "Two"))
    both = msgspec.structs.replace(one, images=(*one.images, *two.images))

    report = silent(Step(same)).run(both, executor="serial")

    assert report.wells_done == ("One A01", "Two A01")


def test_a_well_runs_once_however_the_images_of_a_plate_are_sorted(
    make_plate: MakePlate, tmp_path: Path
) -> None:
    plate = make_plate(["A01", "B02", "B10"], sites=2)
    mixed = msgspec.structs.replace(plate, images=(*plate.images[::-2], *plate.images[::2]))

    reports = [
        silent(Step(same)).run(mixed, tmp_path / "out", executor="serial", resume=resume)
        for resume in (False, True)
    ]

    assert [report.wells_done for report in reports] == [("A01", "B02", "B10"), ()]
    assert reports[1].wells_skipped == ("A01", "B02", "B10")


@pytest.mark.parametrize("executor", ["process", 3, "http://here"])
def test_an_unknown_executor_is_refused_with_the_names_of_those_there_are(
    executor: object, make_plate: MakePlate
) -> None:
    with pytest.raises(UnknownExecutorError, match="'serial', 'threads', 'processes', 'dask'"):
        silent(Step(same)).run(make_plate(["A01"]), executor=executor)


def test_functions_that_processes_cannot_import_are_refused_before_anything_runs(
    make_plate: MakePlate,
) -> None:
    def local(image: Pixels) -> Pixels:
        return image

    plate = make_plate(["A01"])
    with pytest.raises(UnportableFunctionError, match=r"step 2 'mine'.*top level of a module.*'threads'"):
        silent(Step(same), Step(lambda image: image, "mine")).run(plate, executor="processes")
    with pytest.raises(UnportableFunctionError, match="'local'"), ProcessPoolExecutor(1) as pool:
        silent(Step(local)).run(plate, executor=pool)


def test_a_channel_that_the_plate_has_not_is_told_before_anything_runs(make_plate: MakePlate) -> None:
    with pytest.raises(UnknownChannelError, match="found '3'"):
        silent(Step({"1": same, "3": same})).run(make_plate(["A01"], channels=2), executor="serial")


@pytest.mark.parametrize("steps", [(), (same,)])
def test_a_pipeline_has_steps(steps: Any) -> None:
    with pytest.raises(StepDefinitionError):
        Pipeline(steps)


def test_ctrl_c_ends_a_run_and_says_what_was_done(make_plate: MakePlate) -> None:
    def interrupted(image: Pixels) -> Pixels:
        if len(seen) == 2:
            raise KeyboardInterrupt
        return image

    seen: list[object] = []
    with pytest.raises(RunInterruptedError, match="2 of 4 wells done, 2 not run") as caught:
        silent(Step(interrupted)).run(
            make_plate(["A01", "B02", "C03", "D04"]),
            executor="serial",
            on_progress=lambda done, of: seen.append(done),
        )

    assert caught.value.report.wells_done == ("A01", "B02")


def test_without_a_terminal_progress_goes_to_the_log(
    make_plate: MakePlate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="hcs_stream")

    silent(Step(same)).run(make_plate(["A01", "B02"]), executor="serial")

    lines = [record.getMessage() for record in caplog.records if "wells plate" in record.getMessage()]
    assert lines == ["wells plate='Assay' done=1 of=2", "wells plate='Assay' done=2 of=2"]


def test_sys_exit_in_a_function_is_the_wells_failure(make_plate: MakePlate) -> None:
    def leaving(image: Pixels) -> Pixels:
        raise SystemExit(3)

    report = silent(Step(leaving)).run(make_plate(["A01"]), executor="serial")

    assert "SystemExit: 3" in report.failures["A01"]


def test_an_image_that_cannot_be_read_is_named(make_plate: MakePlate) -> None:
    plate = make_plate(["A01", "B02"])
    (plate.folder / "Assay_B02_s1_w1.TIF").write_bytes(b"no TIFF")

    report = silent(Step(same)).run(plate, executor="serial")

    assert report.wells_done == ("A01",)
    assert report.failures["B02"].startswith("step 1 'same', plate Assay, well B02, site 1, channel 1: ")


@pytest.mark.parametrize("how", [{"workers": 0}, {"attempts": 0}, {"on_error": "ignore"}, {"resume": True}])
def test_what_a_run_cannot_do_is_said_at_once(how: dict[str, Any], make_plate: MakePlate) -> None:
    with pytest.raises(RunOptionError):
        silent(Step(same)).run(make_plate(["A01"]), executor="serial", **how)


def test_a_plate_may_be_given_by_its_folder(make_plate: MakePlate) -> None:
    folder = make_plate(["A01"]).folder

    assert silent(Step(same)).run(str(folder), executor="serial").wells_done == ("A01",)


def test_an_error_of_ours_arrives_whole_from_a_cluster() -> None:
    pytest.importorskip("distributed.utils")  # which has its own way to pickle errors

    arrived = pickle.loads(pickle.dumps(PoolFullError(4096, 64)))

    assert (type(arrived), arrived.args) == (PoolFullError, (4096, 64))
