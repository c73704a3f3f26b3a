"""An ssh ends with whoever started it; a script stands in for it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hcs_protocol import TunnelError
from hcs_protocol.ssh import SshProcess, run_ssh

LONG = 30.0
STARTER = """
import sys
from hcs_protocol.ssh import SshProcess
ssh = SshProcess(sys.argv[1:], adopt=lambda child: None)
ssh.wait(lambda said: "pid" in said, 30)
print(ssh.said, flush=True)
sys.stdin.read()
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="scripts of a POSIX shell")


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], list[str]]:
    """Write a shell script that stands in for ssh."""

    def write(text: str) -> list[str]:
        path = tmp_path / "ssh"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o700)
        return [str(path)]

    return write


@pytest.fixture
def started() -> Iterator[Callable[[list[str]], SshProcess]]:
    """Start one that does not outlive the test."""
    all_of_them: list[SshProcess] = []

    def start(command: list[str]) -> SshProcess:
        all_of_them.append(SshProcess(command, adopt=lambda child: None))
        return all_of_them[-1]

    yield start
    for each in all_of_them:
        each.close()


@posix
def test_what_it_says_is_read_and_what_is_written_arrives(script: Callable, started: Callable) -> None:
    ssh = started(script('echo hello; read word; echo "got $word" >&2'))

    assert ssh.wait(lambda said: "hello" in said, LONG)
    ssh.write(b"this\n")

    assert ssh.wait(lambda said: "got this" in said, LONG)
    assert ssh.wait_for_end(LONG)
    assert ssh.status() == 0


@posix
def test_its_exit_status_is_that_of_ssh(script: Callable, started: Callable) -> None:
    ssh = started(script("echo no >&2; exit 255"))

    assert ssh.wait_for_end(LONG)
    assert (ssh.status(), ssh.said) == (255, "no")


@posix
def test_closing_ends_it(script: Callable, started: Callable) -> None:
    ssh = started(script("echo $$; exec sleep 1000"))
    assert ssh.wait(bool, LONG)

    ssh.close()
    ssh.close()

    assert ssh.has_ended
    assert not _is_running(int(ssh.said))


@posix
@pytest.mark.parametrize("how", ["close", "kill"])
def test_it_ends_with_the_process_that_started_it(script: Callable, how: str) -> None:
    command = script("echo pid $$; exec sleep 1000")
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout
        assert starter.stdin
        pid = int(starter.stdout.readline().split()[1])
        assert _is_running(pid)

        starter.stdin.close() if how == "close" else starter.kill()
        starter.wait(LONG)

    _wait_until_gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux alone does it")
def test_it_ends_with_its_guard_too(script: Callable, started: Callable) -> None:
    ssh = started(script("echo $$; exec sleep 1000"))
    assert ssh.wait(bool, LONG)

    os.kill(ssh.pid, signal.SIGKILL)

    assert ssh.wait_for_end(LONG)
    _wait_until_gone(int(ssh.said))


def test_without_ssh_one_reads_how_to_get_it() -> None:
    with pytest.raises(TunnelError, match=r"no such program; install OpenSSH.*HCS_SSH="):
        SshProcess(["no-such-ssh"], adopt=lambda child: None)
    with pytest.raises(TunnelError, match=r"wanted 'no-such-ssh', found no such program; install OpenSSH"):
        run_ssh(["no-such-ssh"], timeout=LONG)


@posix
def test_one_that_takes_too_long_is_an_error(script: Callable) -> None:
    with pytest.raises(TunnelError, match=r"was not done within 0\.1 s"):
        run_ssh(script("exec sleep 1000"), timeout=0.1)


@posix
def test_one_that_nobody_waits_for_any_more_ends(script: Callable, tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    with pytest.raises(TunnelError, match="nobody waited for it"):
        run_ssh(script(f"echo $$ > {pid}; exec sleep 1000"), timeout=LONG, is_over=pid.exists)

    _wait_until_gone(int(pid.read_text()))


@posix
def test_one_that_runs_once_ends_with_its_process_too(script: Callable, tmp_path: Path) -> None:
    run = "import sys; from hcs_protocol.ssh import run_ssh; run_ssh(sys.argv[1:], timeout=1000)"
    os.mkfifo(tmp_path / "pid")
    command = script(f"echo $$ > {tmp_path / 'pid'}; exec sleep 1000")
    with subprocess.Popen([sys.executable, "-c", run, *command]) as starter:
        pid = int((tmp_path / "pid").read_text())
        starter.kill()

    _wait_until_gone(pid)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # the second if it ends while this is read
        return sys.platform != "linux" and _answers(pid)
    return state != "Z"


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until_gone(pid: int) -> None:
    while _is_running(pid):  # what never comes ends with the test's timeout
        os.sched_yield() if hasattr(os, "sched_yield") else None
