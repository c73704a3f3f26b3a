"""Another user of the same machine: sees the ports, and nothing else."""

import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import zmq

import hcs_stream
from hcs_protocol import find_connections
from hcs_shm import BlockPool

from .knocking import Keys, is_let_in

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

HERE = Path(__file__).parent
READY_SECONDS = 120.0
REFUSED = {"PermissionError"}
HARMLESS = {
    "PermissionError", "IsADirectoryError", "NotADirectoryError", "FileNotFoundError", "OSError",
    "ConnectionRefusedError",
}  # fmt: skip
"""How a try may end: what is wrong with the thing itself comes before who asks."""
OURS = ("shm", "spill")
"""Folders that everybody may use, as ``/dev/shm``: what lies in them has to protect itself."""

if os.name == "nt" or os.getuid() != 0:
    pytest.skip("only root can become another user", allow_module_level=True)


@dataclass(frozen=True)
class Stage:
    """A viewer, a worker, a spare and what they wrote, in places that another user can reach."""

    root: Path
    viewer: hcs_stream.Viewer
    spare: Path

    @property
    def folders(self) -> list[Path]:
        return [path for path in self.root.iterdir() if path.is_dir()]


@pytest.fixture(scope="module")
def user() -> int:
    """The number of a user who is nobody yet."""
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(number for number in range(61_234, 65_000) if number not in taken)


@pytest.fixture(scope="module")
def stage(own_places: Path) -> Iterator[Stage]:
    """Everything that runs, with an image under way in memory and one on disk."""
    root = Path(tempfile.mkdtemp(prefix="hcs-other-user-"))
    root.chmod(0o755)  # only what our own files are like protects them
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HCS_RUNTIME_DIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
            (root / name.lower()).mkdir(mode=0o700)
            patch.setenv(name, str(root / name.lower()))
        for name in ("HCS_SHM_DIR", "HCS_SPILL_DIR"):
            folder = root / name.split("_")[1].lower()
            folder.mkdir()
            folder.chmod(0o1777)
            patch.setenv(name, str(folder))
        patch.setenv("HCS_VIEWER_MEMORY", "64M")  # which the viewer alone takes: images go to disk
        spare = root / "hcs_runtime_dir" / "spare-1"
        viewer = hcs_stream.start_viewer(_free_port(), persistent=False, timeout=READY_SECONDS)
        command = [sys.executable, "-m", "hcs_viewer", "--spare", str(spare)]
        waits = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        stream = hcs_stream.connect(data_port=viewer.connection.data_port, viewer_command="false")
        try:
            for column in range(1, 11):
                stream.send(np.full((2048, 2048), column, np.uint16), well=f"A{column:02d}")
            stream.flush(timeout=READY_SECONDS)
            _await(viewer, lambda: spare.exists() and any((root / "spill").rglob("*.blosc")))
            yield Stage(root, viewer, spare)
        finally:
            waits.kill()
            waits.wait()
            stream.close()
            viewer.stop()
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def outcomes(stage: Stage, user: int) -> dict[str, str]:
    """What came of everything that another user tried."""
    connection = stage.viewer.connection
    given = {
        "pid": connection.pid,
        "port": connection.data_port,
        "user": user,
        "folders": [str(folder) for folder in stage.folders],
    }
    command = [sys.executable, str(HERE / "other_user.py"), json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def ended(outcomes: dict[str, str], *words: str) -> set[str]:
    """Return how those tries ended whose name begins with these words, at least one."""
    found = {outcome for name, outcome in outcomes.items() if name.startswith(words)}
    assert found
    return found


def test_it_cannot_stop_the_viewer(outcomes: dict[str, str], stage: Stage) -> None:
    assert ended(outcomes, "send ") == REFUSED
    assert stage.viewer.ping().state == "ready"


def test_it_cannot_look_into_the_process(outcomes: dict[str, str]) -> None:
    assert {outcome for name, outcome in outcomes.items() if "of its process" in name} == REFUSED


def test_it_cannot_take_the_ports(outcomes: dict[str, str]) -> None:
    assert ended(outcomes, "listen on") == {"OSError"}


def test_it_cannot_read_the_connection_file(outcomes: dict[str, str], stage: Stage) -> None:
    assert {outcomes[f"{verb} {stage.viewer.path}"] for verb in ("read", "write", "remove")} == REFUSED


def test_it_cannot_put_a_connection_file_of_its_own_there(outcomes: dict[str, str], stage: Stage) -> None:
    assert outcomes[f"put beside {stage.viewer.path.parent}"] == "PermissionError"


def test_a_connection_file_that_another_user_wrote_is_not_read(stage: Stage, user: int) -> None:
    folder, theirs = stage.viewer.path.parent, stage.root / "theirs"
    theirs.mkdir(mode=0o700)
    shutil.copy(stage.viewer.path, theirs)  # which is ours, as a hard link can be
    planted = Path(shutil.copy(stage.viewer.path, folder / "viewer-1111.json"))
    for each in (theirs, planted):
        os.chown(each, user, user)

    try:
        assert [path for path, _ in find_connections([folder, theirs])] == [stage.viewer.path]
    finally:
        shutil.rmtree(theirs)
        planted.unlink()


def test_it_cannot_inject_without_the_file(stage: Stage) -> None:
    connection = stage.viewer.connection
    before = stage.viewer.ping().counters

    for kind, port in ((zmq.PUB, connection.data_port), (zmq.DEALER, connection.control_port)):
        assert not is_let_in(connection.host, port, kind, Keys.of_a_stranger(connection))
    assert stage.viewer.ping().counters == before


def test_it_cannot_read_pixels(outcomes: dict[str, str], stage: Stage, user: int) -> None:
    there = [path for name in OURS for path in (stage.root / name).rglob("*") if path.is_file()]
    segments = [path for path in there if path.stat().st_uid != user]
    assert {path.relative_to(stage.root).parts[0] for path in segments} == set(OURS)

    for path in segments:
        assert {outcomes[f"{verb} {path}"] for verb in ("read", "write", "remove")} == REFUSED


def test_it_cannot_take_the_spare_viewer(outcomes: dict[str, str], stage: Stage) -> None:
    assert stage.spare.is_socket()
    assert outcomes[f"connect to {stage.spare}"] == "PermissionError"


def test_it_cannot_open_the_pipe_of_the_viewers_parents(outcomes: dict[str, str], stage: Stage) -> None:
    [pipe] = [path for path in stage.viewer.path.parent.iterdir() if path.is_fifo()]

    assert {outcomes[f"{verb} {pipe}"] for verb in ("read", "write", "remove")} == REFUSED


def test_nothing_that_it_tried_succeeded(outcomes: dict[str, str], stage: Stage) -> None:
    shared = {f"{verb} {stage.root / name}" for verb in ("look into", "put beside") for name in OURS}
    done = {
        name: outcome for name, outcome in outcomes.items() if outcome not in HARMLESS and name not in shared
    }

    assert len(outcomes) > 50
    assert done == {}


def test_every_file_and_folder_is_its_users_alone(outcomes: dict[str, str], stage: Stage, user: int) -> None:
    ours = [path for folder in stage.folders for path in [folder, *folder.rglob("*")]]
    shared = [stage.root / name for name in OURS]
    shared += [path for path in ours if path.lstat().st_uid == user]  # what it put there
    wrong = {str(path): oct(path.lstat().st_mode) for path in ours if path not in shared and _is_open(path)}

    assert len(ours) > 8
    assert wrong == {}


def test_what_it_puts_where_segments_and_spilled_images_lie_is_left_alone(stage: Stage, user: int) -> None:
    precious = stage.root / "precious"
    precious.mkdir(mode=0o700)
    (precious / "thesis.tex").touch()
    planted = stage.root / "spill" / "viewer-ffff"
    planted.symlink_to(precious)
    os.chown(planted, user, user, follow_symlinks=False)
    squatted = [_dead_segment(stage.root / name, user) for name in OURS]

    hcs_stream.start_viewer(_free_port(), persistent=False, timeout=READY_SECONDS).stop()

    assert (precious / "thesis.tex").exists()
    assert planted.is_symlink()
    assert all(path.exists() for path in squatted)


def _dead_segment(folder: Path, user: int) -> Path:
    """Leave what a viewer would remove at once, were it of its own user."""
    path = folder / "hcs-1-0badcafe"
    pool = BlockPool(folder=folder)
    try:
        path.touch(mode=0o600)
        path.write_bytes((folder / pool.lend(100).ref.segment).read_bytes())
    finally:
        pool.close()
    os.chown(path, user, user)
    return path


def _await(viewer: hcs_stream.Viewer, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never came about"
        viewer.ping()


def _is_open(path: Path) -> bool:
    found = path.lstat()
    return found.st_uid != os.getuid() or (not stat.S_ISLNK(found.st_mode) and bool(found.st_mode & 0o077))


def _free_port() -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if 20_000 < port < 60_000:
            return port


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_what_it_calls_a_file_is_run_by_no_shell(user: int, tmp_path: Path) -> None:
    folder = tmp_path / f"hcs-{os.getuid()}"
    folder.mkdir()
    for name in ("viewer-5555.json", "viewer-$(touch ran).json"):
        (folder / name).touch()
        os.chown(folder / name, user, user)
    os.chown(folder, user, user)
    ask = f"source <({sys.executable} -m hcs_stream completion bash); _hcs_stream_ports ''"
    environ = os.environ | {"TMPDIR": str(tmp_path), "HCS_RUNTIME_DIR": "", "XDG_RUNTIME_DIR": ""}

    done = subprocess.run(
        ["bash", "-c", ask], capture_output=True, text=True, check=False, cwd=tmp_path, env=environ
    )

    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == [folder]
