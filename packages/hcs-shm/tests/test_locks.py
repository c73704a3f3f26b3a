import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hcs_shm._locks import hold_lock, let_go, probed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks there")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.touch(0o600)
    return path


def test_who_holds_a_lock_lives(file: Path) -> None:
    lock = hold_lock(file)
    with probed(file, shared=False) as gone:
        held = not gone

    let_go(lock)

    with probed(file, shared=False) as gone:
        assert (held, gone) == (True, True)


def test_a_lock_that_somebody_has_is_refused(file: Path) -> None:
    lock = hold_lock(file)

    with pytest.raises(BlockingIOError, match="somebody"):
        hold_lock(file)
    let_go(lock)


def test_many_may_look_but_one_may_take(file: Path) -> None:
    looks = [probed(file, shared=True), probed(file, shared=True), probed(file, shared=False)]

    with looks[0] as first, looks[1] as second, looks[2] as third:
        assert (first, second, third) == (True, True, False)


def test_a_file_that_was_removed_is_nobodys_to_take(file: Path) -> None:
    with probed(file, shared=False) as first:
        file.unlink()

    file.touch(0o600)
    opened = os.open(file, os.O_RDONLY)
    file.unlink()
    os.close(opened)

    assert first
    with pytest.raises(FileNotFoundError), probed(file, shared=False):
        pass


def test_letting_go_twice_is_harmless(file: Path) -> None:
    lock = hold_lock(file)

    let_go(lock)
    let_go(lock)


FORKED = """
import os, sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from hcs_shm._locks import hold_lock, let_go, probed
file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(os.environ["FILE"])
lock = hold_lock(file)
child = os.fork()
if child == 0:
    let_go(lock)  # closed already, and not the descriptor that has this number now
    hold = os.open(os.devnull, os.O_RDONLY)
    let_go(lock)
    os.fstat(hold)
    with probed(file, shared=False) as gone:
        os._exit(3 if gone else 7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
let_go(lock)
with probed(file, shared=False) as gone:
    print(gone)
"""


def test_a_forked_child_neither_holds_its_parents_lock_nor_ends_it(
    file: Path, run_python: Callable[..., str]
) -> None:
    assert run_python(FORKED, FILE=str(file)) == "7\nTrue\n"
