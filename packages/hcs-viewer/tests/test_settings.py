"""What the command line and the environment say."""

import pytest

from hcs_viewer.__main__ import _options, _settings


@pytest.mark.parametrize(
    ("arguments", "variable", "follows"),
    [
        ([], None, False),
        (["--follow"], None, True),
        ([], "1", True),
        ([], "0", False),
        (["--follow"], "0", True),
    ],
)
def test_following_is_turned_on_by_a_flag_or_a_variable(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], variable: str | None, follows: bool
) -> None:
    monkeypatch.delenv("HCS_VIEWER_FOLLOW", raising=False)
    if variable is not None:
        monkeypatch.setenv("HCS_VIEWER_FOLLOW", variable)

    assert _settings(_options(arguments)).follow is follows
