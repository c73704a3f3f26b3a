import builtins
import pickle
import re

import pytest

from hcs_protocol import HcsError, PoolFullError, _errors

ERRORS = {
    name: kind for name, kind in vars(_errors).items() if isinstance(kind, type) and kind is not HcsError
}


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    drawn = re.findall(r"[├└]── (\w+) \((\w+)\) ", str(_errors.__doc__))

    assert dict(drawn) == {name: kind.__bases__[1].__name__ for name, kind in ERRORS.items()}


@pytest.mark.parametrize("error", ERRORS.values())
def test_each_error_also_is_the_builtin_that_a_stranger_would_catch(error: type[HcsError]) -> None:
    base, other = error.__bases__

    assert issubclass(base, HcsError)
    assert issubclass(other, HcsError) or other in vars(builtins).values()


@pytest.mark.parametrize("error", ERRORS.values())
def test_each_error_survives_the_way_to_another_process(error: type[HcsError]) -> None:
    raised = PoolFullError(4096, 64) if error is PoolFullError else error("what was wanted, what was there")

    arrived = pickle.loads(pickle.dumps(raised))

    assert type(arrived) is error
    assert (str(arrived), arrived.args, vars(arrived)) == (str(raised), raised.args, vars(raised))


def test_a_full_pool_says_what_was_wanted_and_what_is_free() -> None:
    assert str(PoolFullError(4096, 64)) == "wanted 4096 bytes of shared memory, 64 bytes are free"
