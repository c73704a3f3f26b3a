"""Where ssh goes, and by which command line."""

import os
import shlex

import pytest

from hcs_protocol import TunnelError
from hcs_protocol.ssh import SshPlace, forward, is_ssh, ssh_place


@pytest.mark.parametrize(
    ("said", "behind", "place"),
    [
        ("user@server", None, SshPlace("user@server")),
        ("server", None, SshPlace("server")),
        ("ssh://user@server", None, SshPlace("user@server")),
        ("ssh://user@server:2222/", None, SshPlace("user@server:2222")),
        ("user@gateway", "inner", SshPlace("inner", "user@gateway")),
        ("ssh://user@gateway/me@inner", None, SshPlace("me@inner", "user@gateway")),
        ("ssh://a/b", "c", SshPlace("c", "a,b")),
        ("me@[fe80::1]", None, SshPlace("me@[fe80::1]")),
        ("LAB+me@server", None, SshPlace("LAB+me@server")),
        ("LAB\\me@server", None, SshPlace("LAB\\me@server")),
    ],
)
def test_a_machine_is_named_as_ssh_names_it(said: str, behind: str | None, place: SshPlace) -> None:
    assert ssh_place(said, behind) == place
    assert ssh_place(str(place)) == place


@pytest.mark.parametrize(
    "said", ["", "-oProxyCommand=rm", "ssh://-l/x", "ssh://", "a b", "a;b@c", "user@ho$t", "a/b"]
)
def test_what_is_no_machine_is_refused_before_ssh_sees_it(said: str) -> None:
    with pytest.raises(TunnelError, match="wanted a machine as 'user@server'"):
        ssh_place(said)


def test_a_machine_behind_another_that_is_none_is_refused() -> None:
    with pytest.raises(TunnelError, match="wanted a machine"):
        ssh_place("gateway", "-oProxyCommand=rm")


def test_a_host_that_ssh_leads_to_says_so() -> None:
    assert [is_ssh(host) for host in ("user@server", "ssh://server", "server", "10.0.0.3")] == [
        True,
        True,
        False,
        False,
    ]


def test_what_runs_there_comes_last_as_one_text_for_its_shell() -> None:
    command = SshPlace("me@server").command(r"C:\env\hcs-viewer connection 5555", environ={})

    assert command[0] == "ssh"
    assert command[-3:] == ["--", "me@server", r"C:\env\hcs-viewer connection 5555"]
    assert "-N" not in command


def test_a_tunnel_runs_nothing_there_and_asks_nobody() -> None:
    command = SshPlace("me@server:22", "gateway").command(
        forwards=["-L1:h:2"], environ={"HCS_SSH": "ssh -F f"}
    )

    assert command[:3] == ["ssh", "-F", "f"]
    assert command[-5:] == ["-N", "-p", "22", "--", "me@server"]
    if os.name != "posix":
        assert command[command.index("-J") + 1] == "gateway"
    assert {"-oBatchMode=yes", "-oRemoteCommand=none", "-L1:h:2"} <= set(command)


@pytest.mark.skipif(os.name != "posix", reason="-J does it there")
@pytest.mark.parametrize(
    ("hop", "last"),
    [("gateway", ["--", "gateway"]), ("me@[::1]:22", ["-p", "22", "--", "me@::1"]), ("a,b", ["--", "b"])],
)
def test_a_machine_in_between_asks_nobody_either(hop: str, last: list[str]) -> None:
    environ = {"HCS_SSH": "env -i ssh -p 22 -F '/a b/50%' -S shared"}
    command = SshPlace("me@inner", hop).command("true", environ=environ)

    [proxy] = [word for word in command if word.startswith("-oProxyCommand=")]
    words = shlex.split(proxy.removeprefix("-oProxyCommand="))
    assert words[:6] == ["env", "-i", "ssh", "-F", "/a b/50%%", "-T"]
    assert "-oBatchMode=yes" in words
    assert words[words.index("-W") :] == ["-W", "[%h]:%p", *last]
    inner = [word for word in words if word.startswith("-oProxyCommand=")]
    assert [("-W '[%%h]:%%p' -- a" in word, "/a b/50%%%%" in word) for word in inner] == [
        (True, True) for _ in hop.split(",")[1:]
    ]


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        ("me@server:2222", "-p 2222 me@server"),
        ("ssh://[::1]:22", "-p 22 ::1"),
        ("me@[fe80::1%eth0]", "me@fe80::1%eth0"),
        ("me@fe80::1", "me@fe80::1"),
        ("server", "server"),
    ],
)
def test_a_port_goes_by_itself_and_an_address_without_brackets(said: str, typed: str) -> None:
    assert ssh_place(said).typed == f"ssh {typed}"


def test_a_client_that_cannot_be_read_is_told() -> None:
    with pytest.raises(TunnelError, match=r"""command line in HCS_SSH, found "ssh -F 'my": No closing"""):
        SshPlace("server").command("true", environ={"HCS_SSH": "ssh -F 'my"})


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("lab-3", "lab-3")],
)
def test_a_port_leads_to_where_the_viewer_listens(host: str, address: str) -> None:
    assert forward("-L", 4000, host, 5555) == f"-L127.0.0.1:4000:{address}:5555"
