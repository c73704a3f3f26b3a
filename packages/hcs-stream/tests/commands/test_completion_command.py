"""Shells complete what the commands take."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hcs_stream.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_knows_all_commands_and_their_flags(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out

    for word in ("plates", "send", "watch", "run", "viewers", "kill", "wells", "polling", "executor", "json"):
        assert word in script


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_takes_its_script(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here")
    main(["completion", shell])
    (tmp_path / "script").write_text(capsys.readouterr().out)

    done = subprocess.run([program, "-n", tmp_path / "script"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_commands_and_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    (tmp_path / "script").write_text(capsys.readouterr().out)
    ask = f"""
source "{tmp_path / "script"}"
words() {{
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _shtab_hcs_stream; echo "${{COMPREPLY[@]}}"
}}
words hcs-stream wa
words hcs-stream send --we
words hcs-stream stop --timeout 3 555
words hcs-stream stop 5555 23
"""
    folder = tmp_path / "run"
    for name in ("5555", "5555-b7e4910c2d6fa358", "5556", "23456"):
        (folder / f"viewer-{name}.json").touch()
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=False)

    found = done.stdout.split("\n")
    assert found[:2] == ["watch", "--wells --well"], done.stderr
    assert [sorted(set(words.split())) for words in found[2:4]] == [["5555", "5556"], ["23456"]], done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_file_name_that_is_a_command_is_not_run(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here")
    main(["completion", shell])
    (tmp_path / "script").write_text(capsys.readouterr().out)
    for name in ("viewer-5555", "viewer-$(touch ran)", "viewer-`touch ran`", "viewer-1$(touch ran)"):
        (tmp_path / "run" / f"{name}.json").touch()
    ask = "compadd() { shift; print -l $@ }; compdef() { }" if shell == "zsh" else ""  # of its completion
    ask += f"\nsource '{tmp_path / 'script'}'\n_hcs_stream_ports ''"

    done = subprocess.run([program, "-c", ask], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert set(done.stdout.split()) == {"1", "5555"}, done.stderr
    assert not (tmp_path / "ran").exists()


def test_another_shell_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["completion", "tcsh"])

    assert ended.value.code == 2
