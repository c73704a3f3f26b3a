"""A pytest plugin for environments without Qt: the settings of its plugins are known and mean nothing."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know what pytest-qt and pytest-xvfb are told in pyproject.toml."""
    for name in ("qt_api", "xvfb_args"):
        parser.addini(name, "not used here")
