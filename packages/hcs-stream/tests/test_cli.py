"""`hcs-stream` as programs and people call it."""

import os
import subprocess
import sys
from typing import Any

import pytest

from hcs_stream import cli

COMMAND = [sys.executable, "-m", "hcs_stream"]


def test_help_teaches_by_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])

    assert ended.value.code == 0
    assert cli.__doc__ is not None
    assert cli.__doc__.strip() in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["telepathy"], ["viewers", "--port"]])
def test_wrong_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == 2
    assert "usage: hcs-stream" in capsys.readouterr().err


def test_the_package_runs_as_a_program(viewer: Any) -> None:
    done = subprocess.run([*COMMAND, "viewers"], capture_output=True, text=True, timeout=50, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert any(line.startswith("fake  ready") for line in done.stdout.splitlines())  # maybe not the only one


def test_who_has_read_enough_may_close_the_pipe(viewer: Any) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [*COMMAND, "viewers", "--json"], stdout=writer, stderr=subprocess.PIPE, timeout=50, check=False
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")
