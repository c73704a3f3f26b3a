"""Each test has backends of its own, whatever plates another one left damaged."""

import pytest

from hcs_stream.storage import _registry


@pytest.fixture(autouse=True)
def own_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_registry, "_instances", {})
