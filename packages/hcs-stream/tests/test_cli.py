"""`hcs-stream` as programs and people call it."""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hcs_stream import cli

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "command-line.md"
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


@pytest.mark.parametrize("how", [[], ["--json"]], ids=["a table", "lines"])
def test_who_has_read_enough_may_close_the_pipe(viewer: Any, how: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [*COMMAND, "viewers", *how], stdout=writer, stderr=subprocess.PIPE, timeout=50, check=False
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")


[_SUBPARSERS] = (
    action for action in cli._parser()._actions if isinstance(action, argparse._SubParsersAction)
)
COMMANDS = tuple(_SUBPARSERS.choices)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_teaches_by_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])

    said = capsys.readouterr().out
    assert "Examples:" in said
    assert f"hcs-stream {command} " in said.split("Examples:")[1]
    assert "Exit status:" in said


@pytest.mark.skipif(not PAGE.is_file(), reason="the pages are in the repository, not in the sdist")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_reference_has_all_flags_and_no_others(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    options = capsys.readouterr().out.rpartition("\noptions:\n")[2]
    flags = set(
        re.findall(r"--[a-z][a-z-]*", " ".join(re.findall(r"^  (-.*?)(?:  |$)", options, re.MULTILINE)))
    )

    section = PAGE.read_text(encoding="utf-8").split(f"## hcs-stream {command}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`--.*?) \|", section, re.MULTILINE)

    assert set(re.findall(r"--[a-z][a-z-]*", " ".join(rows))) == flags - {"--help"}


def test_the_command_line_starts_without_what_only_some_commands_need() -> None:
    late = ("dask", "distributed", "shtab", "tifffile", "watchdog", "zarr")
    code = f"import sys, hcs_stream.cli; print([name for name in {late} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout == "[]\n", done.stderr
