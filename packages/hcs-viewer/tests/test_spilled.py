import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hcs_protocol import DTYPES
from hcs_viewer._spilled import SpillFolder

PATIENCE_SECONDS = 50
SHAPES = [(3, 5), (2, 3, 5), (4, 5, 3), (1, 1), (300, 200)]

OTHER_VIEWER = """
import sys, numpy as np
from pathlib import Path
from hcs_viewer._spilled import SpillFolder
folder = SpillFolder(Path(sys.argv[1]), spare_nbytes=0)
folder.write(np.ones((64, 64), np.uint16))
print("written", flush=True)
sys.stdin.read()
"""

ON_A_FULL_DISK = """
import resource, sys, numpy as np
from pathlib import Path
from hcs_viewer._spilled import SpillFolder
folder = SpillFolder(Path(sys.argv[1]), spare_nbytes=0)
folder.write(np.zeros((3, 5)))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    folder.write(np.random.default_rng(1).random(1000))
except OSError as error:
    print(type(error).__name__)
print(len([path for path in Path(sys.argv[1]).rglob("*") if path.is_file() and path.name != "lock"]))
folder.close()
"""

needs_posix = pytest.mark.skipif(os.name == "nt", reason="wants POSIX signals and file modes")


def folder_in(path: Path) -> SpillFolder:
    return SpillFolder(path / "spill", spare_nbytes=0)


def files_in(path: Path) -> list[Path]:
    return [entry for entry in (path / "spill").rglob("*") if entry.is_file() and entry.name != "lock"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_image_comes_back_as_it_left(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    folder = folder_in(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 120, shape).astype(dtype)

    written = folder.write(pixels)

    back = np.zeros(pixels.nbytes, np.uint8)
    written.read(back)
    assert np.array_equal(back.view(dtype).reshape(shape), pixels)
    folder.close()


def test_a_large_image_goes_in_parts(tmp_path: Path) -> None:
    folder = SpillFolder(tmp_path, spare_nbytes=0, chunk_nbytes=1000)
    pixels = np.random.default_rng(1).integers(0, 65535, (61, 53)).astype(np.uint16)

    written = folder.write(pixels)

    back = np.zeros(pixels.nbytes, np.uint8)
    written.read(back)
    assert back.tobytes() == pixels.tobytes()
    folder.close()


def test_a_removed_file_cannot_be_read(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    written = folder.write(np.zeros((3, 5)))

    written.remove()
    written.remove()

    assert files_in(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        written.read(np.zeros(120, np.uint8))
    folder.close()


@pytest.mark.parametrize("content", [b"", b"\x05", b"\x05" + bytes(7) + b"abcde", bytes(100)])
def test_a_damaged_file_is_an_error_and_no_wrong_image(tmp_path: Path, content: bytes) -> None:
    folder = folder_in(tmp_path)
    written = folder.write(np.arange(500.0))
    files_in(tmp_path)[0].write_bytes(content)

    with pytest.raises(OSError, match="damaged"):
        written.read(np.zeros(4000, np.uint8))
    folder.close()


def test_nothing_is_made_before_the_first_image_and_nothing_is_left_at_the_end(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    before = list(tmp_path.iterdir())
    folder.write(np.zeros((3, 5)))

    folder.close()
    folder.close()

    assert before == []
    assert list((tmp_path / "spill").iterdir()) == []


@needs_posix
def test_files_are_this_users_alone(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)

    folder.write(np.zeros((3, 5)))

    [file] = files_in(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.parent.parent.stat().st_mode) == 0o700
    folder.close()


@needs_posix
def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spill").mkdir()
    (tmp_path / "spill").chmod(0o777)

    with pytest.raises(PermissionError, match="closed to others"):
        folder_in(tmp_path).write(np.zeros((3, 5)))


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root can give a folder away")
def test_so_is_one_that_another_user_may_have_made_for_this_one(tmp_path: Path) -> None:
    (tmp_path / "spill").mkdir()
    for each in (tmp_path, tmp_path / "spill"):
        each.chmod(0o1777)
    os.chown(tmp_path / "spill", 65534, -1)

    with pytest.raises(PermissionError, match="closed to others"):
        folder_in(tmp_path).write(np.zeros((3, 5)))


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    folder = SpillFolder(tmp_path / "spill", spare_nbytes=1 << 60)

    with pytest.raises(OSError, match=r".") as raised:
        folder.write(np.zeros((3, 5)))

    assert raised.value.errno == errno.ENOSPC
    folder.close()


@needs_posix
def test_what_a_full_disk_cut_short_is_removed(tmp_path: Path) -> None:
    # in a process of its own: the limit counts for whatever file the tests' own output goes to
    command = [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path / "spill")]

    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True)

    assert done.stdout.split() == ["OSError", "1"]


def test_a_folder_that_somebody_removed_is_made_anew(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    folder.write(np.zeros((3, 5)))
    [file] = files_in(tmp_path)
    shutil.rmtree(file.parent)

    folder.write(np.zeros((3, 5)))

    assert len(files_in(tmp_path)) == 1
    folder.close()


def test_the_folder_of_a_living_viewer_stays(tmp_path: Path) -> None:
    folder, other = folder_in(tmp_path), folder_in(tmp_path)
    folder.write(np.zeros((3, 5)))
    other.write(np.zeros((3, 5)))

    for _ in range(2):
        other.sweep()
        folder.sweep()

    assert len(files_in(tmp_path)) == 2
    folder.close()
    other.close()


@needs_posix
def test_the_folder_of_a_viewer_that_was_killed_is_swept_by_the_next_one(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_VIEWER, str(tmp_path / "spill")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as viewer:
        assert viewer.stdout
        assert viewer.stdout.readline() == b"written\n"
        folder_in(tmp_path).sweep()
        alive = len(files_in(tmp_path))
        viewer.send_signal(signal.SIGKILL)
        viewer.wait(PATIENCE_SECONDS)
    left = len(files_in(tmp_path))

    folder_in(tmp_path).sweep()

    assert (alive, left) == (1, 1)
    assert list((tmp_path / "spill").iterdir()) == []


def test_a_folder_that_was_never_locked_is_swept(tmp_path: Path) -> None:
    (tmp_path / "spill" / "viewer-1").mkdir(parents=True)
    (tmp_path / "spill" / "hcs-segment").touch()

    folder_in(tmp_path).sweep()

    assert [entry.name for entry in (tmp_path / "spill").iterdir()] == ["hcs-segment"]


@needs_posix
@pytest.mark.parametrize("mode", [0o1777, 0o700])
def test_a_link_that_looks_like_a_viewers_folder_is_not_followed(tmp_path: Path, mode: int) -> None:
    (tmp_path / "spill").mkdir()
    (tmp_path / "spill").chmod(mode)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").touch()
    (tmp_path / "spill" / "viewer-1").symlink_to(tmp_path / "precious")

    folder_in(tmp_path).sweep()

    assert [entry.name for entry in (tmp_path / "precious").iterdir()] == ["thesis.tex"]


@needs_posix
def test_a_link_to_a_folder_of_this_user_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "precious" / "viewer-1").mkdir(parents=True)
    (tmp_path / "precious" / "viewer-1" / "thesis.tex").touch()
    (tmp_path / "spill").symlink_to(tmp_path / "precious")

    folder_in(tmp_path).sweep()

    assert (tmp_path / "precious" / "viewer-1" / "thesis.tex").exists()
    with pytest.raises(PermissionError, match="closed to others"):
        folder_in(tmp_path).write(np.zeros((3, 5)))


def test_sweeping_where_there_is_nothing_is_harmless(tmp_path: Path) -> None:
    folder_in(tmp_path).sweep()

    assert list(tmp_path.iterdir()) == []
