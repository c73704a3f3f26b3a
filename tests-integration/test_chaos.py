"""Workers and viewers come to harm in all ways, and no image is lost; a bug that loses one is found."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
NOTHING = dict.fromkeys(("lost", "corrupt", "twice", "unaccounted", "left_in_shm", "left_on_disk"), 0)


SEED, TRIES = 7, 5


def run_chaos(*arguments: str, seed: int = SEED) -> tuple[int, dict[str, Any], str]:
    """Run trials; return the exit status, the last line, and what was printed before it."""
    command = [sys.executable, "-m", "chaos", "--seed", str(seed), *arguments]
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True, timeout=170, check=False)
    *said, last = done.stdout.splitlines()
    return done.returncode, json.loads(last), "\n".join(said)


@pytest.mark.timeout(180)
def test_every_image_is_accounted_for() -> None:
    status, report, said = run_chaos("--trials", "3")

    assert {name: report[name] for name in NOTHING} == NOTHING, said
    assert report["images"] >= 3 * 2500
    assert report["in_flight_at_fault_min"] >= 1
    assert status == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("bug", "fault"),
    [
        ("skip_resend", "viewer_killed"),
        ("skip_deduplication", "interrupted"),
        ("sweep_early", "both_killed"),
        ("recycle_early", "worker_frozen"),
        ("drop_release", "viewer_frozen"),
    ],
)
def test_a_planted_bug_makes_the_run_fail(bug: str, fault: str) -> None:
    arguments = "--trials", "1", "--faults", fault, "--plant", bug
    for seed in range(SEED, SEED + TRIES):  # a fault may strike in a moment in which the bug does no harm
        status, report, said = run_chaos(*arguments, seed=seed)
        if status:
            break

    assert sum(report[name] for name in NOTHING) > 0, said
    assert f"--plant {bug}" in said
    assert status == 1
