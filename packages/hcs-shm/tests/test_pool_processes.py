import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hcs_shm import list_segments, sweep


def test_the_interpreters_exit_removes_the_segments(run_python: Callable[..., str], folder: Path) -> None:
    printed = run_python(
        "import os\nfrom hcs_shm import BlockPool\npool = BlockPool()\nblock = pool.lend(1 << 20)\n"
        "print(len(os.listdir(os.environ['HCS_SHM_DIR'])))"
    )

    assert printed == "2\n"
    assert list(folder.iterdir()) == []


ALMOST_FULL = """
import logging, resource
from hcs_protocol import PoolFullError
from hcs_shm import BlockPool
logging.basicConfig(format="%(levelname)s %(message)s", stream=__import__("sys").stdout)
resource.setrlimit(resource.RLIMIT_FSIZE, (5 << 20, 5 << 20))
pool = BlockPool(budget=64 << 20)
for _ in range(3):
    pool.lend(2 << 20).pixels[:] = bytes(2 << 20)
try:
    pool.lend(6 << 20)
except PoolFullError:
    print("full")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no resource limits there")
def test_where_files_may_not_grow_segments_have_fewer_blocks(run_python: Callable[..., str]) -> None:
    fewer, none, last = run_python(ALMOST_FULL).splitlines()

    assert fewer.startswith("WARNING shared memory short")
    assert none.startswith("WARNING shared memory full")
    assert "HCS_SHM_DIR" in fewer
    assert "HCS_SHM_DIR" in none
    assert last == "full"


FORKED = """
import os, sys, warnings
warnings.simplefilter("ignore")
from hcs_protocol import PoolFullError
from hcs_shm import BlockPool, list_segments
pool = BlockPool(budget=16 << 20)
block = pool.lend(1 << 20)
child = os.fork()
if child == 0:
    try:
        pool.lend(10)
    except PoolFullError:
        pool.take_back(block.ref)
        pool.record(block.ref, b"the child's", 1)
        assert not pool.mend()
        pool.close()
        sys.exit(7)
    os._exit(1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
print([(s.lent, s.owed, s.owner_alive) for s in sorted(list_segments(), key=lambda s: s.nbytes)])
pool.take_back(block.ref)
print(pool.lend(1 << 20).ref.offset == block.ref.offset)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork there")
def test_in_a_forked_child_the_pool_is_empty_and_the_parents_stays(run_python: Callable[..., str]) -> None:
    assert run_python(FORKED).splitlines() == ["7", "[(0, 0, True), (1, 0, True)]", "True"]


FORKED_WHILE_LOCKED = """
import os, warnings
warnings.simplefilter("ignore")
from hcs_protocol import PoolFullError
from hcs_shm import BlockPool
pool = BlockPool()
with pool._lock:
    child = os.fork()
    if child == 0:
        try:
            pool.lend(10)
        except PoolFullError:
            os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork there")
def test_a_fork_while_another_thread_lends_does_not_block_the_child(run_python: Callable[..., str]) -> None:
    assert run_python(FORKED_WHILE_LOCKED) == "7\n"


FORKED_AMID_MAKING = """
import os, threading, warnings
warnings.simplefilter("ignore")
from hcs_shm import BlockPool, list_segments
import hcs_shm._segment as segment
reserve, reserving, go = segment.reserve, threading.Event(), threading.Event()
def slow(*arguments):
    reserve(*arguments)
    if threading.current_thread() is not threading.main_thread():
        reserving.set()
        go.wait(50)
segment.reserve = slow
pool = BlockPool(budget=64 << 20)
lending = threading.Thread(target=pool.lend, args=(1 << 20,))
lending.start()
reserving.wait(50)
ready, tell = os.pipe()
child = os.fork()
if child == 0:
    os.write(tell, b".")
    os.close(0), os.close(1), os.close(2)
    import signal
    signal.alarm(50)
    signal.pause()
os.read(ready, 1)
go.set()
lending.join()
print(child, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork there")
def test_a_child_forked_while_a_segment_is_made_does_not_keep_it(run_python: Callable[..., str]) -> None:
    child = int(run_python(FORKED_AMID_MAKING, code_expected=-9))

    try:
        assert [found.owner_alive for found in list_segments()] == [False, False]
        assert len(sweep()) == 2
    finally:
        os.kill(child, 9)


ENDS_AMID_MAKING = """
import os
from hcs_shm import BlockPool
pool = BlockPool(budget=512 << 20)
for _ in range(8):
    pool.lend(16 << 20)
"""


def test_an_interpreter_that_exits_while_a_segment_is_made_leaves_nothing(
    run_python: Callable[..., str], folder: Path
) -> None:
    run_python(ENDS_AMID_MAKING)

    assert list(folder.iterdir()) == []


LENDS_AT_EXIT = """
import atexit
from hcs_shm import BlockPool
pool = BlockPool(budget=64 << 20)
atexit.register(lambda: print(len({pool.lend(1 << 20).ref for _ in range(20)})))
"""


def test_a_pool_lends_while_the_interpreter_exits(run_python: Callable[..., str]) -> None:
    assert run_python(LENDS_AT_EXIT) == "20\n"
