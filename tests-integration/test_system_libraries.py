"""The script that makes a machine fit for a napari window, on machines that do not exist."""

from collections.abc import Callable

import pytest

import system_libraries
from system_libraries import advice, as_root, install_commands, missing_packages


def only(*names: str) -> Callable[[str], bool]:
    """A machine that has just these."""
    return lambda name: name in names


def all_but(*names: str) -> Callable[[str], bool]:
    """A machine that has everything else."""
    return lambda name: name not in names


def test_a_complete_machine_misses_nothing() -> None:
    assert missing_packages(all_but(), only("Xvfb"), xvfb=True) == []


def test_a_missing_library_is_named_by_its_package() -> None:
    assert missing_packages(all_but("libEGL.so.1"), only("Xvfb"), xvfb=True) == ["libegl1"]


def test_a_bare_machine_misses_every_package_once() -> None:
    missing = missing_packages(only(), only(), xvfb=True)

    assert missing == sorted({*system_libraries.PACKAGE_OF_LIBRARY.values(), "xvfb"})


@pytest.mark.parametrize(("xvfb", "missing"), [(True, ["xvfb"]), (False, [])])
def test_xvfb_counts_only_where_it_is_wanted(xvfb: bool, missing: list[str]) -> None:
    assert missing_packages(all_but(), only(), xvfb=xvfb) == missing


@pytest.mark.parametrize(("network", "missing"), [(True, ["iproute2"]), (False, [])])
def test_what_makes_networks_counts_only_where_it_is_wanted(network: bool, missing: list[str]) -> None:
    has_program = all_but("tc")

    assert missing_packages(all_but(), has_program, xvfb=True, network=network) == missing


def test_root_needs_no_sudo() -> None:
    prefix = as_root(is_root=True, sudo_works=False, has_apt=True)

    assert prefix == ["env", "DEBIAN_FRONTEND=noninteractive"]


def test_a_user_with_sudo_is_not_asked_for_a_password() -> None:
    prefix = as_root(is_root=False, sudo_works=True, has_apt=True)

    assert prefix is not None
    assert prefix[:2] == ["sudo", "-n"]


@pytest.mark.parametrize(("is_root", "sudo_works", "has_apt"), [(False, False, True), (True, True, False)])
def test_without_rights_or_apt_there_is_no_way(is_root: bool, sudo_works: bool, has_apt: bool) -> None:
    assert as_root(is_root=is_root, sudo_works=sudo_works, has_apt=has_apt) is None


def test_apt_waits_for_its_lock_and_brings_nothing_extra() -> None:
    _, install = install_commands(["libegl1", "xvfb"])

    assert "DPkg::Lock::Timeout=300" in install
    assert install[-3:] == ["--no-install-recommends", "libegl1", "xvfb"]


def test_the_advice_can_be_pasted_into_a_shell() -> None:
    line = "sudo apt-get install --no-install-recommends libegl1 xvfb"

    assert line in advice(["libegl1", "xvfb"])
