import os
import threading

import pytest
import zmq

from hcs_stream._background import can_give_way, give_way
from hcs_stream._sockets import process_context

pytestmark = pytest.mark.skipif(not can_give_way(), reason="no such policy on this machine")


def test_a_thread_that_gives_way_is_alone_in_it() -> None:
    found: list[int] = []

    def run() -> None:
        assert give_way()
        found.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert found == [os.SCHED_BATCH]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_to_ask_whether_a_thread_could_changes_none() -> None:
    assert can_give_way()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_where_it_is_forbidden_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbid)

    assert not give_way()


def test_the_sockets_threads_give_way() -> None:
    assert process_context().get(zmq.THREAD_SCHED_POLICY) == os.SCHED_BATCH
