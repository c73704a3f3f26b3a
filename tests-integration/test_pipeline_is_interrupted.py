"""Somebody presses Ctrl-C, or the pipeline's own process is killed: nothing of it stays."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

Begin = Callable[[list[str]], "subprocess.Popen[str]"]
Start = Callable[[Path, str], "subprocess.Popen[str]"]

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="processes are interrupted by signals"),
]

SCRIPT = """
import sys
import threading
from hcs_stream.microscopes import open_plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, Step


def stuck_but_for_the_first(image):
    if image[0, 0]:
        threading.Event().wait()
    return image


if __name__ == "__main__":
    pipeline = Pipeline([Step(stuck_but_for_the_first)], PipelineConfig())
    said = lambda done, of: print(done, of, flush=True)
    pipeline.run(open_plate(sys.argv[1]), executor=sys.argv[2], workers=2, on_progress=said)
"""

PROGRAMS = SCRIPT.replace(
    "        threading.Event().wait()",
    """        saying = "import os, time; os.write(1, b'%d\\\\n' % os.getpid()); time.sleep(600)"
        say = [sys.executable, "-c", saying]
        subprocess.Popen(say, start_new_session=True)
        subprocess.run([sys.executable, "-c", "import subprocess; subprocess.run(" + repr(say) + ")"])""",
).replace("import sys\n", "import subprocess\nimport sys\n", 1)
"""Each step starts a program that stays, and one that starts another; these say who they are."""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A pipeline that is done with one of three wells, and then never with another."""
    for number, well in enumerate(("A01", "A02", "A03")):
        tifffile.imwrite(tmp_path / f"P_{well}_s1_w1.TIF", np.full((4, 5), number, "uint16"))
    path = tmp_path / "pipeline.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def begin(interruptible: Begin) -> Start:
    """Start the pipeline and return it when one well is done."""

    def start(script: Path, executor: str) -> "subprocess.Popen[str]":
        process = interruptible([sys.executable, str(script), str(script.parent), executor])
        assert process.stdout is not None
        assert process.stdout.readline() == "1 3\n"
        return process

    return start


def test_ctrl_c_ends_a_run_and_its_processes_and_says_what_was_done(script: Path, begin: Start) -> None:
    with begin(script, "processes") as process:
        workers = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate()

    assert process.returncode != 0
    assert "interrupted: 1 of 3 wells done, 2 not run; 0 images published, 0 saved" in errors
    assert psutil.wait_procs(workers, timeout=30)[1] == []


def test_the_second_ctrl_c_ends_threads_that_do_not_come_to_an_end(script: Path, begin: Start) -> None:
    with begin(script, "threads") as process:
        assert process.stderr is not None
        os.kill(process.pid, signal.SIGINT)
        said = process.stderr.readline()
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate()

    assert said == "waiting for the images in hand; Ctrl-C again ends at once\n"
    assert process.returncode != 0
    assert "interrupted: 1 of 3 wells done, 2 not run; 0 images published, 0 saved" in errors


def test_the_workers_of_a_pipeline_that_is_killed_end(script: Path, begin: Start) -> None:
    with begin(script, "processes") as process:
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()

    assert workers
    assert psutil.wait_procs(workers, timeout=30)[1] == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_programs_that_steps_started_end_with_the_run_but_for_those_of_their_own_session(
    name: str, script: Path, interruptible: Begin
) -> None:
    script.write_text(PROGRAMS)
    with interruptible([sys.executable, str(script), str(script.parent), "processes"]) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(5)]
        started = [psutil.Process(int(line)) for line in said if line != "1 3\n"]
        stay = [program for program in started if os.getsid(program.pid) == program.pid]
        family = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.Signals[name])
        process.wait()

        assert psutil.wait_procs(set(family) - set(stay), timeout=30)[1] == []
        assert [program.is_running() for program in stay] == [True, True]
        for program in stay:
            program.kill()


def test_a_script_without_a_guard_is_told_so(script: Path) -> None:
    script.write_text(SCRIPT.replace('if __name__ == "__main__":', "if True:"))
    command = [sys.executable, str(script), str(script.parent), "processes"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "WorkersDoNotStartError" in done.stderr.splitlines()[-1]
    assert "if __name__ ==" in done.stderr.splitlines()[-1]


INTERRUPTED_AT_ONCE = """
import os
import signal
import sys
from hcs_stream.microscopes import open_plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, Step


def same(image):
    return image


if __name__ == "__mp_main__":
    os.kill(os.getpid(), signal.SIGINT)

if __name__ == "__main__":
    report = Pipeline([Step(same)], PipelineConfig()).run(open_plate(sys.argv[1]), workers=2)
    print(len(report.wells_done), flush=True)
"""


def test_workers_that_still_import_leave_ctrl_c_to_the_parent(script: Path) -> None:
    script.write_text(INTERRUPTED_AT_ONCE)

    line = [sys.executable, str(script), str(script.parent)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=100, check=False)

    assert "KeyboardInterrupt" not in done.stderr
    assert done.stdout == "3\n"
