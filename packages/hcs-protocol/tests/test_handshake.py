import pytest

from hcs_protocol import PROTOCOL_VERSION, Hello, Refuse, Welcome, new_id, refusal, shares_memory


def hello(version: int) -> Hello:
    return Hello(id="c1", protocol_version=version, worker_run="w1")


def welcome(nonce: str | None) -> Welcome:
    return Welcome(reply_to="c1", session="s1", viewer_run="v1", protocol_version=1, nonce=nonce)


def test_an_identifier_is_new_each_time() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000


def test_a_worker_that_speaks_this_protocol_is_welcome() -> None:
    assert refusal(hello(PROTOCOL_VERSION)) is None


@pytest.mark.parametrize(("version", "older"), [(0, "worker"), (2, "viewer")])
def test_a_worker_of_another_protocol_is_told_who_is_older(version: int, older: str) -> None:
    reason = f"the worker speaks hcs protocol {version}, this viewer 1: update the {older}"

    assert refusal(hello(version)) == Refuse(reply_to="c1", reason=reason, protocol_version=1)


@pytest.mark.parametrize(
    ("said", "own", "shared"),
    [
        ("0fb1c6d2", "0fb1c6d2", True),
        ("0fb1c6d2", "ffffffff", False),
        ("0fb1", "0fb1c6d2", False),
        (None, "0fb1c6d2", False),
        ("0fb1c6d2", None, False),
        (None, None, False),
        ("größer", "0fb1c6d2", False),
        ("größer", "größer", True),
    ],
)
def test_memory_is_shared_when_the_viewer_read_the_workers_nonce(
    said: str | None, own: str | None, shared: bool
) -> None:
    assert shares_memory(welcome(said), own) is shared
