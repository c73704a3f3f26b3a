"""Grammars of others, which come by entry point."""

import os
import subprocess
import sys
from pathlib import Path

GRAMMAR = """
import re
from pathlib import Path
from hcs_stream.microscopes import Grammar, ParsedName

class Incucyte(Grammar):
    name = "Incucyte"

    def parse(self, name, folders):
        found = re.fullmatch(r"VID(\\d+)_([A-P]\\d+)_(\\d+)\\.tif", name)
        return found and ParsedName(found[2], site=int(found[3]), plate="VID" + found[1])

    def format(self, image):
        return Path(f"{image.plate}_{image.well}_{image.site}.tif")
"""
USE = """
import sys
from hcs_stream.microscopes import grammars, open_plate, parse_path
print(*grammars(), sep=", ")
plate = open_plate(sys.argv[1])
print(plate.maker, plate.name, [(image.well, image.site) for image in plate.images])
print(parse_path("VID9_B02_3.tif").plate)
"""


def install(folder: Path, module: str, entry_point: str) -> None:
    """Install a package as pip would, below a folder of its own."""
    (folder / "theirs.py").write_text(module, encoding="utf-8")
    info = folder / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[hcs.microscopes]\n{entry_point}\n", encoding="utf-8")


def run(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_grammar_of_another_package_opens_its_plates(tmp_path: Path) -> None:
    install(tmp_path, GRAMMAR, "incucyte = theirs:Incucyte")
    plate = tmp_path / "plate"
    plate.mkdir()
    for site in (10, 9):
        (plate / f"VID7_B2_{site}.tif").touch()

    done = run(tmp_path, USE, str(plate))

    assert done.returncode == 0, done.stderr
    known, opened, parsed = done.stdout.splitlines()
    assert known.startswith("Opera Phenix, ")
    assert known.endswith("OME-NGFF, Incucyte, ImageXpress")
    assert opened == "Incucyte VID7 [('B2', 9), ('B2', 10)]"
    assert parsed == "VID9"


def test_a_grammar_of_the_same_name_takes_the_place_of_ours(tmp_path: Path) -> None:
    install(tmp_path, GRAMMAR.replace('"Incucyte"', '"Cytation"'), "cytation = theirs:Incucyte")

    done = run(tmp_path, "from hcs_stream.microscopes import grammars; print(grammars()['Cytation'])")

    assert "theirs.Incucyte" in done.stdout, done.stderr


def test_an_entry_point_that_leads_to_no_grammar_is_named(tmp_path: Path) -> None:
    install(tmp_path, "grammar = 7", "seven = theirs:grammar")

    done = run(tmp_path, "from hcs_stream.microscopes import grammars; grammars()")

    assert "wanted a Grammar with name, parse and format at the entry point 'theirs:grammar'" in done.stderr


def test_an_entry_point_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    install(tmp_path, "raise RuntimeError('half installed')", "gone = theirs:grammar")

    done = run(tmp_path, "from hcs_stream.microscopes import grammars; grammars()")

    assert "at the entry point 'theirs:grammar', found RuntimeError: half installed" in done.stderr
