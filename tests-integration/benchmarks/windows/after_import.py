"""Does something to a module as soon as it is imported, and never imports it for that."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def when_imported(name: str, act: Callable[[Any], object], *, first: Callable[[], object] = int) -> None:
    """Call something when a module is imported; it must not be yet.

    Args:
        name: Of the module.
        act: Called with it once it is there.
        first: Called before it is run.
    """
    sys.meta_path.insert(0, _Watcher(name, act, first))


class _Watcher(MetaPathFinder):
    def __init__(self, name: str, act: Callable[[Any], object], first: Callable[[], object]) -> None:
        self._name, self._act, self._first = name, act, first

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        assert spec is not None
        assert spec.loader is not None
        run = spec.loader.exec_module

        def run_and_act(module: ModuleType) -> None:
            self._first()
            run(module)
            self._act(module)

        spec.loader.exec_module = run_and_act  # type: ignore[method-assign]  # of this one loader
        return spec
