"""The secret key is in the connection file, and nowhere else."""

import json
import subprocess
import sys
import traceback

import psutil
from fuzz.peer import Peer
from fuzz.target import Places, Target

import hcs_stream


def test_it_is_in_no_log_argument_or_variable(target: Target, peer: Peer) -> None:
    peer.settle()
    process = psutil.Process(target.process.pid)
    said = "\n".join([target.log.read_text(), *process.cmdline(), *process.environ().values()])

    assert len(said) > 100
    for key in (target.connection.client_secret_key, target.connection.client_public_key):
        assert key not in said


def test_it_is_in_no_log_file(target: Target, places: Places) -> None:
    logs = list(places.root.rglob("*.log"))

    assert len(logs) >= 2
    assert not [path for path in logs if target.connection.client_secret_key in path.read_text()]


def test_it_is_in_no_repr_and_no_traceback(target: Target) -> None:
    connection = target.connection
    viewer = hcs_stream.Viewer(connection, target.log)
    try:
        raise ValueError(f"{connection!r} {connection} {viewer!r} {viewer}")
    except ValueError as error:
        said = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())

    assert connection.title in said
    assert connection.client_secret_key not in said


def test_it_is_in_no_list_of_viewers(target: Target, places: Places) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "hcs_stream", "viewers", "--json"],
        env=places.environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )

    [report] = [json.loads(line) for line in listed.stdout.splitlines()]
    assert report["is_secure"] is True
    assert target.connection.client_secret_key not in listed.stdout + listed.stderr
