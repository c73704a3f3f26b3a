"""A pipeline comes from a file that worker processes can import too; anything else is said clearly."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hcs_stream.commands._pipeline_file import PipelineFileError, load_pipeline, modules_beside

STEP = """
from hcs_stream.pipeline import Pipeline, Step

def same(image):
    return image

"""


@pytest.fixture(autouse=True)
def modules_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave path and modules as they were."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in set(sys.modules) - before:
        if not name.startswith(("hcs_", "numpy", "zarr", "tifffile")):
            del sys.modules[name]


def write(folder: Path, text: str, name: str = "a_pipeline_of_mine.py") -> Path:
    path = folder / name
    path.write_text(STEP + text)
    return path


@pytest.mark.parametrize(
    "text", ["pipeline = Pipeline([Step(same)])", "def build():\n    return Pipeline(Step(same))"]
)
def test_a_file_defines_a_pipeline_or_builds_one(text: str, tmp_path: Path) -> None:
    pipeline, module = load_pipeline(write(tmp_path, text))

    assert [step.name for step in pipeline.steps] == ["same"]
    assert sys.modules["a_pipeline_of_mine"] is module


def test_what_lies_beside_it_can_be_imported_and_is_known(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("x = 1\n")
    _, module = load_pipeline(write(tmp_path, "import beside_it\npipeline = Pipeline(Step(same))"))

    assert [each.__name__ for each in modules_beside(module)] == ["a_pipeline_of_mine", "beside_it"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "found neither in"),
        ("mine = Pipeline([Step(same)])", "found pipelines called mine in"),
        ("pipeline = 1\nmine = Pipeline([Step(same)])", "found neither in"),
        ("def build():\n    return 1", "found that build() in"),
        ("def build():\n    return 1 / 0", r"line 8: ZeroDivisionError: division by zero"),
        ("import nothing_of_this_name as pipeline", "line 7: ModuleNotFoundError"),
        ("pipeline = = 1", "line 7: SyntaxError"),
        ("pipeline = 1\nraise SystemExit(3)", "line 8: SystemExit: 3"),
        ("pipeline = Pipeline([])", "line 7: StepDefinitionError"),
    ],
)
def test_a_file_that_gives_no_pipeline_says_why(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(PipelineFileError) as raised:
        load_pipeline(write(tmp_path, text))

    assert said in str(raised.value)


@pytest.mark.parametrize("text", ["x = 1", "mine = Pipeline([Step(same)])", "import os.build"])
def test_a_file_that_names_no_pipeline_is_refused_before_it_runs(text: str, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    path = write(tmp_path, f"open({str(ran)!r}, 'w').close()\n{text}")

    with pytest.raises(PipelineFileError, match="wanted a Python file that defines"):
        load_pipeline(path)

    assert not ran.exists()


@pytest.mark.parametrize(
    "text",
    ["from beside_it import *", "from beside_it import pipeline", "from beside_it import other as build"],
)
def test_a_pipeline_may_come_from_another_file(text: str, tmp_path: Path) -> None:
    other = f"{STEP}pipeline = Pipeline([Step(same)])\ndef other():\n    return pipeline\n"
    (tmp_path / "beside_it.py").write_text(other)

    pipeline, _ = load_pipeline(write(tmp_path, text))

    assert [step.name for step in pipeline.steps] == ["same"]


@pytest.mark.parametrize("name", ["my-pipeline.py", "1.py", "class.py", "pipeline.txt"])
def test_a_name_that_cannot_be_imported_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PipelineFileError, match="a file with a name that Python can import"):
        load_pipeline(write(tmp_path, "pipeline = Pipeline(Step(same))", name))


@pytest.mark.parametrize("name", ["json.py", "numpy.py", "colorsys.py"])
def test_a_name_that_another_module_has_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PipelineFileError, match="rename your file"):
        load_pipeline(write(tmp_path, "pipeline = Pipeline(Step(same))", name))


def test_a_folder_and_nothing_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(PipelineFileError, match="found a folder at"):
        load_pipeline(tmp_path)
    with pytest.raises(PipelineFileError, match="found nothing at"):
        load_pipeline(tmp_path / "none.py")
