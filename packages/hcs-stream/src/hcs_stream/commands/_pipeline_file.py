"""A pipeline from a Python file, imported so that worker processes can import it too."""

import ast
import importlib
import importlib.util
import keyword
import sys
import traceback
from pathlib import Path
from types import ModuleType

from hcs_protocol import HcsError
from hcs_stream.pipeline import Pipeline

PIPELINE, BUILD = "pipeline", "build"
EVERYTHING = "*"
"""Of another file: nobody knows what that defines before it is imported."""
WANTED = "wanted a Python file that defines 'pipeline = Pipeline([…])' or 'def build()' that returns one"


class PipelineFileError(HcsError, ImportError):
    """A file gives no pipeline; the text says why."""


def load_pipeline(path: Path) -> tuple[Pipeline, ModuleType]:
    """Return the pipeline that a file defines, and the file as a module.

    It is imported under its own name with its folder on ``sys.path``, which processes that are spawned
    inherit: so they can import what its steps call. One whose text names no pipeline is not run.

    Raises:
        PipelineFileError: There is no such file, it cannot be imported under its name, it raises something,
            or it defines no pipeline.
    """
    if not path.is_file():
        raise PipelineFileError(
            f"{WANTED}, found {'a folder' if path.exists() else 'nothing'} at {str(path)!r}"
        )
    whole = path.resolve()
    _check_name(whole)
    sys.path.insert(0, str(whole.parent))
    importlib.invalidate_caches()
    try:
        _check_text(ast.parse(whole.read_bytes()), path)
        module = importlib.import_module(whole.stem)
        return _pipeline_of(module, path), module
    except PipelineFileError:
        raise
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        raise PipelineFileError(f"{path}{_line(error, whole)}: {type(error).__name__}: {error}") from error


def modules_beside(module: ModuleType) -> list[ModuleType]:
    """Return a module, and those that it brought along from its own folder."""
    folder = Path(module.__file__ or "").resolve().parent
    found = [module]
    for other in list(sys.modules.values()):
        file = getattr(other, "__file__", None)
        is_ours = file and folder in Path(file).resolve().parents and "site-packages" not in file
        if is_ours and other is not module and not other.__name__.startswith(("hcs_", "__")):
            found.append(other)
    return found


def _check_name(path: Path) -> None:
    name = path.stem
    if path.suffix != ".py" or not name.isidentifier() or keyword.iskeyword(name):
        wanted = "wanted a file with a name that Python can import, such as 'my_pipeline.py'"
        raise PipelineFileError(f"{wanted}, found {path.name!r}")
    known = getattr(sys.modules.get(name), "__file__", None) or _origin(name)
    if known is not None and Path(known).resolve() != path:
        raise PipelineFileError(
            f"wanted a name that no other module has, found {path.name!r}: worker processes would import "
            f"{known}; rename your file"
        )


def _check_text(text: ast.Module, path: Path) -> None:
    """Refuse a program that is no pipeline before it does what it is for."""
    names = {getattr(node, field, None) for node in ast.walk(text) for field in ("id", "name", "asname")}
    if names.isdisjoint({PIPELINE, BUILD, EVERYTHING}):
        raise PipelineFileError(f"{WANTED}, found {_found_instead(text)} in {path}")


def _found_instead(text: ast.Module) -> str:
    others: list[str] = []
    for line in text.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="Pipeline"))):
                others.append(name)
    return f"pipelines called {', '.join(others)}" if others else "neither"


def _origin(name: str) -> str | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return spec.origin if spec is not None and spec.origin is not None else None


def _pipeline_of(module: ModuleType, path: Path) -> Pipeline:
    found = getattr(module, PIPELINE, None)
    if isinstance(found, Pipeline):
        return found
    build = getattr(module, BUILD, None)
    if callable(build):
        built = build()
        if isinstance(built, Pipeline):
            return built
        raise PipelineFileError(f"{WANTED}, found that build() in {path} returns {type(built).__name__}")
    raise PipelineFileError(f"{WANTED}, found neither in {path}")


def _line(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    return f", line {lines[-1]}" if lines else ""
