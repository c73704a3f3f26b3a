"""A run that goes on where an earlier one ended."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from hcs_stream.microscopes import Plate, open_plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, RunOptionError, RunReport, Step

Pixels = Any
MakePlate = Callable[..., Plate]


def plus(image: Pixels, number: int = 1) -> Pixels:
    if os.environ.get("DULL") == str(image[0, 0]):
        raise ValueError("dull")
    return image + np.uint16(number)


def run(plate: Plate, output: Path, number: int = 1) -> RunReport:
    steps = [Step((plus, {"number": number}), materialise="disk")]
    return Pipeline(steps, PipelineConfig()).run(plate, output, executor="serial", resume=True)


def test_wells_that_are_kept_are_skipped(make_plate: MakePlate, tmp_path: Path) -> None:
    plate = make_plate(["A01", "B02"])
    first = run(plate, tmp_path / "out")

    again = run(plate, tmp_path / "out")

    assert (first.wells_done, first.wells_skipped) == (("A01", "B02"), ())
    assert (again.wells_done, again.wells_skipped, again.images_saved) == ((), ("A01", "B02"), 0)
    assert str(again).startswith("0 of 2 wells done, 2 skipped")


def test_a_well_that_failed_runs_again(
    make_plate: MakePlate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = make_plate(["A01"], sites=2)
    monkeypatch.setenv("DULL", "210")
    assert list(run(plate, tmp_path / "out").failures) == ["A01"]
    monkeypatch.delenv("DULL")

    assert run(plate, tmp_path / "out").wells_done == ("A01",)


def test_another_setting_of_a_function_runs_all_wells_again(make_plate: MakePlate, tmp_path: Path) -> None:
    plate = make_plate(["A01"])
    run(plate, tmp_path / "out", number=1)

    assert run(plate, tmp_path / "out", number=2).wells_done == ("A01",)


def called(image: Pixels, *, key: Any = None, names: object = None) -> Pixels:
    return image + np.uint16(key(1) if key else 1)


def more(value: int, by: int = 1) -> int:
    return value + by


def resumed(plate: Plate, output: Path, **settings: Any) -> RunReport:
    pipeline = Pipeline([Step((called, settings), materialise="disk")], PipelineConfig())
    return pipeline.run(plate, output, executor="serial", resume=True)


def test_a_function_that_is_a_setting_counts_by_what_it_does(make_plate: MakePlate, tmp_path: Path) -> None:
    plate, out = make_plate(["A01"]), tmp_path / "out"
    keys: list[Any] = [lambda v: v, lambda v: v + 1, more, partial(more, by=1), partial(more, by=2)]

    reports = [(resumed(plate, out, key=key), resumed(plate, out, key=key)) for key in keys]

    assert [len(first.wells_done) for first, _ in reports] == [1] * 5
    assert [len(again.wells_skipped) for _, again in reports] == [1] * 5


def test_a_setting_that_nobody_can_compare_runs_all_wells_again(
    make_plate: MakePlate, tmp_path: Path
) -> None:
    plate, lock = make_plate(["A01"]), threading.Lock()
    resumed(plate, tmp_path / "out", names=lock)

    assert resumed(plate, tmp_path / "out", names=lock).wells_done == ("A01",)


FINGERPRINT = """
from dataclasses import dataclass, field
from functools import lru_cache, partial
from hcs_stream.pipeline import Step
from hcs_stream.pipeline._fingerprint import fingerprint_of

def named(image, names=None):
    return image

@dataclass
class Named:
    names: set = field(default_factory=lambda: {"DAPI", "GFP", "Cy5", "TRITC"})

def local():
    import os
    def again(image):
        return again(image) if os.sep in {"DAPI", "GFP", "Cy5"} else image
    return again

names = {"a": frozenset({"DAPI", "GFP", "Cy5"}), "b": [Named()], "c": lambda name: name in {"a", "b", "c"}}
steps = (named, {"names": names}), partial(named, names=Named()), local(), lru_cache(named)
print(fingerprint_of(map(Step, steps)))
"""


def test_sets_of_names_are_the_same_settings_in_every_process() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", FINGERPRINT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }

    assert len(said) == 1


def test_a_well_with_a_new_or_a_changed_image_runs_again(make_plate: MakePlate, tmp_path: Path) -> None:
    plate = make_plate(["A01", "B02", "C03"])
    run(plate, tmp_path / "out")
    os.utime(plate.folder / "Assay_A01_s1_w1.TIF", ns=(1, 1))
    (plate.folder / "Assay_B02_s2_w1.TIF").write_bytes((plate.folder / "Assay_B02_s1_w1.TIF").read_bytes())

    again = run(open_plate(plate.folder), tmp_path / "out")

    assert (again.wells_done, again.wells_skipped) == (("A01", "B02"), ("C03",))


def test_results_that_were_removed_are_made_again(make_plate: MakePlate, tmp_path: Path) -> None:
    plate = make_plate(["A01"])
    run(plate, tmp_path / "out")
    for kept in (tmp_path / "out/Assay/Step_01_plus").iterdir():
        kept.unlink()
    (tmp_path / "out/Assay/Step_01_plus").rmdir()

    assert run(plate, tmp_path / "out").wells_done == ("A01",)


@pytest.mark.parametrize("kind", ["zarr", "disk"])
def test_a_well_whose_results_were_removed_runs_again(
    kind: Literal["zarr", "disk"], make_plate: MakePlate, tmp_path: Path
) -> None:
    plate = make_plate(["A01", "B02"])
    pipeline = Pipeline([Step(plus, materialise=kind)], PipelineConfig())
    pipeline.run(plate, tmp_path / "out", executor="serial")
    if kind == "zarr":
        shutil.rmtree(tmp_path / "out/Assay/Step_01_plus.zarr/B/02")
    else:
        (tmp_path / "out/Assay/Step_01_plus/B02_s1_w1.tif").unlink()

    again = pipeline.run(plate, tmp_path / "out", executor="serial", resume=True)

    assert (again.wells_done, again.wells_skipped) == (("B02",), ("A01",))


def test_an_ome_ngff_plate_that_was_written_anew_runs_again(make_plate: MakePlate, tmp_path: Path) -> None:
    plate, results = make_plate(["A01"]), tmp_path / "out/Assay/Step_01_plus.zarr"
    after = Pipeline([Step(plus, "after")], PipelineConfig())
    reports = []
    for number in (1, 1, 2):
        before = Pipeline([Step((plus, {"number": number}))], PipelineConfig())
        before.run(plate, tmp_path / "out", executor="serial", resume=True)
        reports.append(after.run(results, tmp_path / "next", executor="serial", resume=True))

    assert [report.wells_done for report in reports] == [("A01",), (), ("A01",)]


def test_results_that_cannot_be_made_whole_are_told_of_in_the_report(
    make_plate: MakePlate, tmp_path: Path
) -> None:
    def damage(done: int, of: int) -> None:
        (tmp_path / "out/Assay/Step_01_plus.zarr/zarr.json").write_text("{")

    report = Pipeline([Step(plus)], PipelineConfig()).run(
        make_plate(["A01"]),
        tmp_path / "out",
        executor="serial",
        on_progress=damage,
    )

    assert report.wells_done == ("A01",)
    assert "results are not whole, run again with resume=True" in report.troubles[0]


def test_a_damaged_note_of_what_is_kept_counts_as_none(make_plate: MakePlate, tmp_path: Path) -> None:
    plate = make_plate(["A01"])
    run(plate, tmp_path / "out")
    (tmp_path / "out/Assay/.hcs-done/A01.json").write_bytes(b"{")

    assert run(plate, tmp_path / "out").wells_done == ("A01",)


def test_without_an_output_there_is_nothing_to_resume(make_plate: MakePlate) -> None:
    with pytest.raises(RunOptionError):
        Pipeline([Step(plus)], PipelineConfig()).run(make_plate(["A01"]), executor="serial", resume=True)
