"""What the command line and the environment say."""

import pytest

from hcs_protocol import is_loopback
from hcs_viewer.__main__ import _options, _settings
from hcs_viewer._settings import ExposedViewerError, ViewerSettings


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


def test_it_listens_on_this_machine_alone_unless_it_is_told_otherwise() -> None:
    assert is_loopback(_settings(_options([])).bind)
    assert _settings(_options(["--bind", "0.0.0.0"])).bind == "0.0.0.0"


def test_without_keys_it_listens_on_this_machine_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert _settings(_options(["--insecure", "--bind", "::1"])).insecure

    with pytest.raises(SystemExit) as ended:
        _options(["--insecure", "--bind", "0.0.0.0"])

    assert ended.value.code == 2
    assert "wanted a loopback address" in capsys.readouterr().err
    with pytest.raises(ExposedViewerError, match=r"found '10\.0\.0\.9'"):
        ViewerSettings(insecure=True, bind="10.0.0.9")
