"""Whether worker processes can import what a pipeline calls; asked before anything runs."""

import multiprocessing
import os
import pickle
import sys
from collections.abc import Iterable

from ._calls import Call, Function
from ._errors import UnportableFunctionError, WorkersDoNotStartError
from ._step import Step

ADVICE = (
    "define it with 'def' at the top level of a module, and give what it needs as settings; "
    "or run with executor='threads', or 'dask', which sends such functions too"
)


def check_portable(steps: Iterable[Step]) -> None:
    """Refuse functions that cannot be sent to worker processes.

    Raises:
        UnportableFunctionError: One is a lambda, is defined in a function, or in a session without a file.
        WorkersDoNotStartError: The program itself is in no file, but was typed or piped.
    """
    _check_main()
    for number, step in enumerate(steps, start=1):
        for call in (call for chain in step.chains.values() for call in chain):
            if reason := _reason(call):
                wanted = f"wanted functions that worker processes can import, found {call.name!r}"
                raise UnportableFunctionError(f"{wanted} in step {number} {step.name!r}: {reason}; {ADVICE}")


def check_not_a_worker() -> None:
    """Refuse to run a pipeline while a worker process imports the script that has it.

    Raises:
        WorkersDoNotStartError: The script has no guard.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise WorkersDoNotStartError(
            "a worker process imports this script, which runs the pipeline again: "
            "run it under 'if __name__ == \"__main__\":'"
        )


def _check_main() -> None:
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if main.__spec__ is None and file is not None and not os.path.exists(file):
        raise WorkersDoNotStartError(
            f"wanted a program that worker processes can import, found {file!r}: save it as a script, "
            "or run with executor='threads'"
        )


def _reason(call: Call) -> str | None:
    try:
        pickle.dumps((call.func, dict(call.settings)))
    except Exception as error:  # pickle raises what the objects raise
        return str(error)
    main = sys.modules["__main__"]
    if _module(call.func) == "__main__" and getattr(main, "__file__", None) is None:
        return "it is in no file, but in this session"
    return None


def _module(func: Function) -> str:
    inner = getattr(func, "func", func)  # of a partial
    return getattr(inner, "__module__", None) or type(inner).__module__
