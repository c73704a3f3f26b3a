import pytest

from hcs_protocol import (
    CONTROL_OFFSET,
    DATA_PORT,
    InvalidPortError,
    NoFreePortsError,
    check_data_port,
    control_port,
    endpoint,
    find_free_pair,
)


def test_control_is_1000_above_data() -> None:
    assert (DATA_PORT, control_port(DATA_PORT), CONTROL_OFFSET) == (5555, 6555, 1000)


@pytest.mark.parametrize("port", [1024, 5555, 64535])
def test_a_data_port_is_one_that_users_may_bind(port: int) -> None:
    assert check_data_port(port) == port


@pytest.mark.parametrize("port", [-1, 0, 80, 1023, 64536, 65535, 70000])
def test_a_port_without_a_control_port_is_refused(port: int) -> None:
    with pytest.raises(InvalidPortError, match=f"from 1024 to 64535, got {port}"):
        control_port(port)


@pytest.mark.parametrize("taken", [set(), {5555}, {6555}, {5555, 6556}, {5555, 5556, 6557}])
def test_both_ports_of_a_pair_are_free(taken: set[int]) -> None:
    pair = find_free_pair(5555, lambda port: port not in taken)

    assert pair[1] - pair[0] == 1000
    assert not taken & set(pair)
    assert pair[0] - 5555 <= len(taken)


def test_the_search_ends() -> None:
    asked: list[int] = []

    with pytest.raises(NoFreePortsError, match="from 5555 to 5557"):
        find_free_pair(5555, lambda port: bool(asked.append(port)), tries=3)

    assert asked == [5555, 5556, 5557]


def test_the_search_ends_at_the_last_port() -> None:
    with pytest.raises(NoFreePortsError, match="from 64530 to 64535"):
        find_free_pair(64530, lambda _: False)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1", "tcp://127.0.0.1:5555"),
        ("gpu-node-3", "tcp://gpu-node-3:5555"),
        ("::1", "tcp://[::1]:5555"),
    ],
)
def test_an_endpoint_names_host_and_port(host: str, name: str) -> None:
    assert endpoint(host, 5555) == name
