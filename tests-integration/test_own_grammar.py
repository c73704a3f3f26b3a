"""The grammar of `docs/how-to/add-a-grammar.md` does what the page says."""

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

PAGE = (Path(__file__).parents[1] / "docs/how-to/add-a-grammar.md").read_text(encoding="utf-8")
USE = """
import sys
from hcs_stream.microscopes import format_path, grammars, open_plate
assert list(grammars())[-2:] == ["Our Lab", "ImageXpress"], list(grammars())
(image,) = open_plate(sys.argv[1]).images
print(image.plate, image.well, image.site, image.channel, format_path(image, maker="our lab"))
"""


def test_the_grammar_of_the_page_opens_a_plate(
    tmp_path: Path,
    python: Callable[..., CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, entry_point = re.findall(r"```(?:python|toml)\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "our_package.py").write_text(module, encoding="utf-8")
    info = tmp_path / "our_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: our-package\nVersion: 1\n", encoding="utf-8")
    name, place = re.findall(r'^(.+) = "(.+)"$', entry_point, re.MULTILINE)[0]
    (info / "entry_points.txt").write_text(f"[hcs.microscopes]\n{name} = {place}\n", encoding="utf-8")
    (tmp_path / "plate").mkdir()
    (tmp_path / "plate/screen-B03-f2-DAPI.tif").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    done = python(USE, tmp_path / "plate")

    assert done.stdout == "screen B03 2 DAPI screen-B03-f2-DAPI.tif\n", done.stderr
