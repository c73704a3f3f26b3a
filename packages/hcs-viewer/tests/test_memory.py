from pathlib import Path

import numpy as np
import psutil
import pytest

from hcs_viewer.__main__ import _options, _settings
from hcs_viewer._memory import LEAST_NBYTES, machine_nbytes, memory_nbytes, resident_nbytes

GIB = 1 << 30


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("4G", 4 * GIB),
        ("4g", 4 * GIB),
        ("4GiB", 4 * GIB),
        ("4 GB", 4 * GIB),
        ("0.5G", GIB // 2),
        ("500M", 500 << 20),
        ("100000K", 100_000 << 10),
        ("1T", 1 << 40),
        ("268435456", 1 << 28),
        ("25%", 4 * GIB),
        ("12.5 %", 2 * GIB),
        ("100%", 16 * GIB),
    ],
)
def test_a_size_is_said_in_several_ways(text: str, nbytes: int) -> None:
    assert memory_nbytes(text, lambda: 16 * GIB) == nbytes


@pytest.mark.parametrize("text", ["", "much", "4X", "-1G", "G", "1e9", "nan", "4G4", "4%G", "%", "٤G x"])
def test_what_is_no_size_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="wanted memory as 4G, 500M or 25%, got"):
        memory_nbytes(text)


@pytest.mark.parametrize("text", ["0%", "101%"])
def test_a_part_is_some_of_the_memory_and_not_more_than_all(text: str) -> None:
    with pytest.raises(ValueError, match="wanted from 1% to 100%"):
        memory_nbytes(text)


@pytest.mark.parametrize("text", ["0", "63M", "1%"])
def test_too_little_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="wanted at least 64M"):
        memory_nbytes(text, lambda: LEAST_NBYTES * 99)


def test_without_a_limit_the_machine_is_all_there_is(tmp_path: Path) -> None:
    assert machine_nbytes(tmp_path, tmp_path / "none") == psutil.virtual_memory().total


def test_the_tightest_limit_of_the_groups_counts(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    membership.write_text("0::/user/job\n")
    (tmp_path / "user" / "job").mkdir(parents=True)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "user" / "memory.max").write_text("2000000\n")
    (tmp_path / "user" / "job" / "memory.max").write_text("3000000\n")

    assert machine_nbytes(tmp_path, membership) == 2_000_000


def test_the_older_groups_have_limits_too(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    membership.write_text("9:cpu:/a\n5:memory:/job\n")
    (tmp_path / "memory" / "job").mkdir(parents=True)
    (tmp_path / "memory" / "job" / "memory.limit_in_bytes").write_text("1000000\n")

    assert machine_nbytes(tmp_path, membership) == 1_000_000


# The command line.


def test_the_flag_comes_before_the_variable_and_that_before_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HCS_VIEWER_MEMORY", raising=False)
    default = _settings(_options([])).memory
    monkeypatch.setenv("HCS_VIEWER_MEMORY", "3G")

    assert default == machine_nbytes() // 4
    assert _settings(_options([])).memory == 3 * GIB
    assert _settings(_options(["--memory", "2G"])).memory == 2 * GIB


@pytest.mark.parametrize(("flags", "variable"), [(["--memory", "lots"], ""), ([], "lots")])
def test_nonsense_is_wrong_usage(
    flags: list[str], variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HCS_VIEWER_MEMORY", variable)

    with pytest.raises(SystemExit) as ended:
        _settings(_options(flags))

    assert ended.value.code == 2
    assert "--memory: wanted memory as 4G, 500M or 25%, got 'lots'" in capsys.readouterr().err


def test_the_memory_of_this_process_grows_with_what_it_touches() -> None:
    before = resident_nbytes()

    touched = np.ones(64 << 20, np.uint8)

    assert resident_nbytes() - before > touched.nbytes // 2
