"""What OpenSSH says, as it says it, and what a user reads."""

import pytest

from hcs_protocol.ssh import SshPlace, explain

PLACE = SshPlace("me@server")


@pytest.mark.parametrize(
    ("said", "helps", "lasts"),
    [
        (
            "No ED25519 host key is known for [127.0.0.1]:2222 and you have requested strict checking.\n"
            "Host key verification failed.",
            "run 'ssh me@server' once",
            True,
        ),
        (
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.",
            "ssh-keygen -R server",
            True,
        ),
        ("me@server: Permission denied (publickey,password).", "ssh-copy-id me@server", True),
        ("ssh: Could not resolve hostname server: Name or service not known", "spelled", True),
        ("ssh: connect to host server port 22: Connection refused", "no ssh server answers", False),
        ("ssh: connect to host server port 22: Connection timed out", "switched on", False),
        ("Timeout, server server not responding.", "switched on", False),
        ("Connection to server closed by remote host.", "the link was cut", False),
        ("Warning: remote port forwarding failed for listen port 0", "AllowTcpForwarding yes", True),
        ("bind [127.0.0.1]:8888: Address already in use", "LocalForward", False),
        ("/root/.ssh/config: line 3: Bad configuration option: hots", "has a mistake", True),
    ],
)
def test_what_ssh_complains_of_is_told_with_what_helps(said: str, helps: str, lasts: bool) -> None:
    error = explain(PLACE, 255, said)

    assert helps in str(error)
    assert said.splitlines()[-1].strip() in str(error)
    assert error.lasts is lasts


@pytest.mark.parametrize(
    ("said", "helps"),
    [
        ("me@gateway: Permission denied (publickey).", "ssh-copy-id me@gateway"),
        ("REMOTE HOST IDENTIFICATION HAS CHANGED", "ssh-keygen -R gateway"),
    ],
)
def test_of_two_machines_the_one_that_refuses_is_named(said: str, helps: str) -> None:
    place = SshPlace("me@inner", "me@gateway")

    assert helps in str(explain(place, 255, f"{said}\nConnection closed by UNKNOWN port 65535"))
    assert helps.replace("gateway", "inner") in str(explain(place, 255, said))


def test_a_path_with_spaces_does_not_spoil_the_advice() -> None:
    error = explain(PLACE, 127, "not found", program="'/home/me/my env/bin/hcs-viewer'", variable="V")

    assert "V=/home/me/env/bin/hcs-viewer" in str(error)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (127, "bash: line 1: hcs-viewer: command not found"),
        (127, "sh: 1: hcs-viewer: not found"),
        (1, "'hcs-viewer' is not recognized as an internal or external command,"),
        (126, "env: '/opt/x/hcs-viewer': No such file or directory"),
    ],
)
def test_a_program_that_is_missing_there_can_be_named(status: int, said: str) -> None:
    error = explain(PLACE, status, said, program="hcs-viewer", variable="HCS_REMOTE_VIEWER")

    assert "HCS_REMOTE_VIEWER=/home/me/env/bin/hcs-viewer" in str(error)
    assert error.lasts


def test_a_program_that_is_too_old_has_to_be_updated() -> None:
    said = "usage: hcs-viewer [-h]\nhcs-viewer: error: unrecognized arguments: connection 5555"

    assert "update it" in str(explain(PLACE, 2, said, program="hcs-viewer", variable="V"))


def test_what_the_program_says_there_is_told_and_may_change() -> None:
    error = explain(PLACE, 1, "hcs-viewer: no viewer of this user runs", program="hcs-viewer", variable="V")

    assert str(error) == "ssh me@server: hcs-viewer: no viewer of this user runs"
    assert (error.lasts, error.is_there) == (False, True)


def test_silence_is_told_with_the_exit_status() -> None:
    assert "exit status 255" in str(explain(PLACE, 255, ""))


def test_who_gave_ssh_the_port_of_the_viewer_reads_where_that_is_said() -> None:
    refused = "ssh: connect to host server port 5555: Connection refused"

    assert "at its port 5555; if that is the viewer's, say it apart, data_port=5555" in str(
        explain(SshPlace("me@server:5555"), 255, refused)
    )
    assert "viewer's" not in str(explain(PLACE, 255, refused))
