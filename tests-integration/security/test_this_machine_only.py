"""A viewer is within reach of this machine alone, unless somebody says so; without keys it always is."""

import subprocess
import sys

import msgspec
import psutil
import pytest
from fuzz.peer import Peer
from fuzz.target import Places, Target, running_viewer


def addresses(target: Target) -> set[str]:
    """Return at which addresses it listens."""
    found = psutil.Process(target.process.pid).net_connections("tcp")
    return {each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN}


def test_it_listens_on_the_loopback_alone(target: Target) -> None:
    assert addresses(target) == {"127.0.0.1"}


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "*", "192.0.2.1"])
def test_without_keys_it_listens_nowhere_else(address: str) -> None:
    command = [sys.executable, "-m", "hcs_viewer", "--insecure", "--bind", address]

    refused = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    assert refused.returncode == 2
    assert "wanted a loopback address" in refused.stderr


def test_without_keys_it_says_so_and_lets_everybody_in(places: Places) -> None:
    with running_viewer(places, insecure=True) as target:
        connection = target.connection
        with Peer(connection) as peer:
            peer.settle()

        assert (connection.public_key, connection.client_secret_key, connection.is_secure) == ("", "", False)
        assert "insecure" in target.log.read_text()
        assert addresses(target) == {"127.0.0.1"}


def test_without_keys_no_tunnel_leads_to_it(places: Places) -> None:
    with running_viewer(places, insecure=True) as target:
        port = str(target.connection.data_port)
        shared = ["hcs_viewer", "connection", port, "--ssh", "user@server"]
        held = ["hcs_stream", "connection", "hold"]
        for command, said in ((shared, ""), (held, msgspec.json.encode(target.connection).decode() + "\n")):
            refused = subprocess.run(
                [sys.executable, "-m", *command],
                env=places.environment,
                input=said,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )

            assert refused.returncode == 1
            assert "without --insecure" in refused.stderr


def test_a_list_of_viewers_says_which_one_lets_everybody_in(places: Places, target: Target) -> None:
    with running_viewer(places, insecure=True):
        listed = subprocess.run(
            [sys.executable, "-m", "hcs_stream", "viewers"],
            env=places.environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )

    assert listed.stdout.count("INSECURE") == 1
