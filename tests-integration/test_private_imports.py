"""The check that nobody opens another package's private modules."""

from pathlib import Path

import pytest

from private_imports import owner, private_imports


@pytest.mark.parametrize(
    "source",
    [
        "from hcs_shm._pool import BlockPool",
        "from hcs_shm import _pool",
        "import hcs_shm._pool",
        "def late():\n    import hcs_shm._pool as pool",
    ],
)
def test_another_packages_private_module_is_found(source: str) -> None:
    assert private_imports(source, own="hcs_viewer")


@pytest.mark.parametrize(
    "source",
    [
        "from hcs_shm import BlockPool",
        "from hcs_viewer._store import Store",
        "from numpy._core import multiarray",
        "from hcs_shm import __version__",
        "from ._pool import BlockPool",
    ],
)
def test_public_own_and_third_party_imports_pass(source: str) -> None:
    assert not private_imports(source, own="hcs_viewer")


def test_a_packages_tests_belong_to_it() -> None:
    assert owner(Path("packages/hcs-shm/tests/test_pool.py")) == "hcs_shm"


def test_integration_tests_belong_to_no_package() -> None:
    assert owner(Path("tests-integration/test_viewer_dies.py")) == ""
