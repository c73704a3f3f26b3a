"""What people may say about a viewer that does not keep up."""

import pytest

from hcs_stream import Overflow


@pytest.mark.parametrize("said", ["spill", "block", "drop_oldest", "latest", " latest "])
def test_every_policy_has_its_name(said: str) -> None:
    assert Overflow.of(said) == Overflow(said.strip())  # type: ignore[arg-type]  # one of the names


@pytest.mark.parametrize(("said", "seconds"), [("block(1.0)", 1.0), ("block(30)", 30.0), ("spill(0.5)", 0.5)])
def test_how_long_to_wait_stands_in_brackets(said: str, seconds: float) -> None:
    assert Overflow.of(said).timeout == seconds


@pytest.mark.parametrize("said", ["", "drop", "block(", "block(-1)", "block(soon)", "SPILL", None, 7])
def test_what_is_no_policy_is_refused_with_all_that_are(said: object) -> None:
    with pytest.raises(ValueError, match="spill, block, drop_oldest, latest"):
        Overflow.of(said)  # type: ignore[arg-type]  # on purpose


def test_a_policy_is_shown_as_it_is_said() -> None:
    assert [str(Overflow.of(said)) for said in ("spill", "block(1.5)", "latest")] == [
        "spill",
        "block(1.5)",
        "latest",
    ]
