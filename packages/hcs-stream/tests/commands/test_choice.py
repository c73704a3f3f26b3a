"""Which images a command takes, as people say it."""

import argparse

import pytest

from hcs_stream.commands._choice_options import add_choice_options, choice
from hcs_stream.config import InvalidFilterError
from hcs_stream.sending import Choice, number_filter


def said(*arguments: str) -> Choice:
    parser = argparse.ArgumentParser()
    add_choice_options(parser)
    return choice(parser.parse_args(arguments))


@pytest.mark.parametrize(
    ("numbers", "taken"),
    [
        ("2", [2]),
        ("1-3", [1, 2, 3]),
        ("5-", [5, 6]),
        ("1, 4-5", [1, 4, 5]),
        ("none", [None]),
        ("none,6", [None, 6]),
        ("02", [2]),
    ],
)
def test_numbers_ranges_and_none_are_understood(numbers: str, taken: list[int | None]) -> None:
    there: list[int | None] = [None, 1, 2, 3, 4, 5, 6]

    wanted = number_filter(numbers)

    assert [number for number in there if wanted.accepts(number)] == taken


@pytest.mark.parametrize("numbers", ["", "x", "3-1", "1,,2", "-1", "1.5"])
def test_what_says_no_numbers_is_refused(numbers: str) -> None:
    with pytest.raises(InvalidFilterError, match="site"):
        number_filter(numbers)


def test_all_options_have_to_accept_an_image() -> None:
    wanted = said("--wells", "A01-B02", "--wells", "H*", "--channel", "dapi,GFP", "--site", "1", "--z", "2-")

    assert wanted.accepts({"well": "H12", "channel": "DAPI", "site": 1, "z_index": 7})
    assert not wanted.accepts({"well": "C01", "channel": "DAPI", "site": 1, "z_index": 7})
    assert not wanted.accepts({"well": "A02", "channel": "Cy5", "site": 1, "z_index": 7})
    assert not wanted.accepts({"well": "A02", "channel": "GFP", "site": 2, "z_index": 7})
    assert not wanted.accepts({"well": "A02", "channel": "GFP", "site": 1})


def test_a_channel_with_a_comma_selects_itself() -> None:
    assert said("--channel", "Cy5, long").accepts({"channel": "Cy5, long"})


def test_without_options_everything_is_taken() -> None:
    assert said().accepts({})


@pytest.mark.parametrize("arguments", [["--wells", "A01-"], ["--site", "two"], ["--z", "3-1"]])
def test_what_cannot_be_meant_is_wrong_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        said(*arguments)

    assert ended.value.code == 2
    assert f"argument {arguments[0]}" in capsys.readouterr().err
