"""Where sites lie in their wells."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hcs_stream.microscopes import Plate, open_plate, read_positions

INDEX = """<EvaluationInputData xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5">
<Plates><Plate><Name>{name}</Name></Plate></Plates><Images>
<Image><Row>1</Row><Col>2</Col><FieldID>3</FieldID>
  <PositionX Unit="m">0.001</PositionX><PositionY Unit="m">-0.0005</PositionY></Image>
<Image><Row>1</Row><Col>2</Col><FieldID>4</FieldID><PositionX Unit="m">nowhere</PositionX></Image>
</Images></EvaluationInputData>"""


def test_a_real_plate_of_opera_phenix_says_them(open_real_plate: Callable[[str], Plate]) -> None:
    positions = read_positions(open_real_plate("opera-phenix-v5"))

    assert positions == {("BR00122249", "A01", 1): pytest.approx((-322.907, -322.907))}


def test_a_real_plate_of_cellvoyager_says_them(open_real_plate: Callable[[str], Plate]) -> None:
    plate = open_real_plate("cellvoyager-cv8000")

    positions = read_positions(plate)

    assert len(positions) == 12
    assert positions[plate.name, "D08", 1] == (402.9, -567.1)


def test_a_real_plate_of_imagexpress_says_none(open_real_plate: Callable[[str], Plate]) -> None:
    assert read_positions(open_real_plate("imagexpress-projection-mix")) == {}


def test_each_plate_of_a_folder_has_its_own(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder = tmp_path / name / "Images"
        folder.mkdir(parents=True)
        (folder / "r01c02f03p01-ch1sk1fk1fl1.tiff").touch()
        (folder / "Index.xml").write_text(INDEX.format(name=name), encoding="utf-8")

    positions = read_positions(open_plate(tmp_path))

    assert positions == {
        ("a", "A02", 3): pytest.approx((-500, 1000)),
        ("b", "A02", 3): pytest.approx((-500, 1000)),
    }


def test_a_file_that_is_cut_off_gives_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "r01c02f03p01-ch1sk1fk1fl1.tiff").touch()
    (tmp_path / "Index.xml").write_text(INDEX.format(name="a")[:-40], encoding="utf-8")

    assert set(read_positions(open_plate(tmp_path))) == {("a", "A02", 3)}
