"""A few seconds of fuzz, and what once did harm."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fuzz.corpus import FOLDER, keep, read, send_again
from fuzz.inputs import SPEC, Inputs
from fuzz.peer import Peer
from fuzz.target import Places, running_viewer

HERE = Path(__file__).parent
KEPT = sorted(FOLDER.glob("*.json"))


def run_fuzz(folder: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run it; return the exit status, the last line, and what was printed before it."""
    command = [sys.executable, "-m", "fuzz", "--keep", str(folder), *arguments]
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True, timeout=170, check=False)
    *said, last = done.stdout.splitlines()
    return done.returncode, json.loads(last), "\n".join(said)


@pytest.mark.long
@pytest.mark.timeout(180)
def test_viewers_live_on_whatever_they_are_sent(tmp_path: Path) -> None:
    status, report, said = run_fuzz(
        tmp_path, "--minutes", "0.25", "--seed", "7", "--viewers", "plain", "insecure"
    )

    assert (report["alive"], report["unhandled"], status) == (True, 0, 0), said
    assert report["inputs"] > 1000
    assert min(report["adopted"], report["refused"]) > 100
    assert report["inputs_by_kind"].keys() == {"strangers", "data", "control", "changed"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", KEPT, ids=[path.stem for path in KEPT])
def test_what_once_did_harm_does_none(path: Path) -> None:
    kept, places = read(path), Places()
    try:
        with running_viewer(places, insecure=kept.insecure) as target:
            send_again(kept, target)
            assert target.is_alive
            assert target.unhandled == []
    finally:
        places.close()


def test_what_is_kept_is_sent_again(tmp_path: Path) -> None:
    places = Places()
    try:
        with running_viewer(places) as target:
            path = keep(tmp_path, "control", [[b"not JSON"]], target, by_peer=True)
            send_again(read(path), target)
            with Peer(target.connection) as peer:
                assert peer.ping().counters.malformed == 1
    finally:
        places.close()


def test_what_is_spoiled_leaves_the_next_input_whole() -> None:
    made = Inputs(random.Random(5), [], [])
    before = [made.golden, SPEC]
    kept = json.dumps(before)

    assert len(list(made.messages(200, "s", batches=True))) > 100

    assert json.dumps(before) == kept


def test_the_same_seed_makes_the_same_inputs() -> None:
    made = [list(Inputs(random.Random(5), [], []).messages(50, "s", batches=True)) for _ in range(2)]

    assert made[0] == made[1]
