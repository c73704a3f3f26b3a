"""CellVoyager: the files beside the images, and corrections that are none."""

from collections.abc import Callable
from pathlib import Path

from hcs_stream.microscopes import Plate, open_plate

XMLNS = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
MES = f"""\ufeff<?xml version="1.0" encoding="utf-8"?>
<bts:MeasurementSetting bts:Columns="48" bts:Rows="32" {XMLNS}>
  <bts:ActionList><bts:ActionAcquire3D bts:SliceLength="{{step}}"><bts:Ch>1</bts:Ch></bts:ActionAcquire3D>
  </bts:ActionList>
  <bts:ChannelList>
    <bts:Channel bts:Ch="1" bts:Acquisition="BP445/45" bts:Fluorophore="DAPI" />
    <bts:Channel bts:Ch="2" bts:Acquisition="BP525/50" bts:Fluorophore="" />
    <bts:Channel bts:Ch="3" bts:Acquisition="BP525/50" bts:Fluorophore="" />
  </bts:ChannelList>
</bts:MeasurementSetting>"""
MRF = f"""<bts:MeasurementDetail bts:ColumnCount="48" bts:RowCount="32" {XMLNS}>
  <bts:MeasurementChannel bts:Ch="1" bts:HorizontalPixelDimension="0.325" bts:VerticalPixelDimension="0.65" />
</bts:MeasurementDetail>"""
RECORD = (
    '<bts:MeasurementRecord bts:Column="48" bts:Row="32" bts:TimePoint="1" bts:FieldIndex="1" bts:Ch="1" '
    'bts:ZIndex="{plane}" bts:Z="{z}">P_AF48_T0001F001L01A01Z{plane:02d}C01.tif</bts:MeasurementRecord>'
)
MLF = (
    f"<bts:MeasurementData {XMLNS}>"
    + RECORD.format(plane=2, z=1.5)
    + RECORD.format(plane=4, z=4.5)
    + "</bts:MeasurementData>"
)


def make_plate(folder: Path, **files: str) -> Path:
    for channel in (1, 2):
        for plane in ("02", "04", "XX"):
            (folder / f"P_AF48_T0001F001L01A{channel:02d}Z{plane}C{channel:02d}.tif").touch()
    for ending, text in files.items():
        (folder / f"Measurement.{ending}").write_text(text, encoding="utf-8")
    return folder


def test_a_real_plate_has_its_images_and_not_its_corrections(open_real_plate: Callable[[str], Plate]) -> None:
    plate = open_real_plate("cellvoyager-cv8000")

    parts = [
        {getattr(image, part) for image in plate.images} for part in ("well", "site", "channel", "z_index")
    ]
    assert (plate.maker, len(plate.images)) == ("CellVoyager", 96)
    assert parts == [{"D08", "E03", "F08"}, {1, 2, 3, 4}, {"BP445/45", "BP525/50"}, {1, 2, 3, 4}]
    assert sorted(path.name for path in plate.skipped["corrections"]) == [
        "DC_DCAM#1_CAM3.tif",
        "DC_DCAM#2_CAM4.tif",
        "SC_BP445-45_20x v2_M01_CH01.tif",
        "SC_BP525-50_20x v2_M01_CH02.tif",
        "SC_BP600-37_20x v2_M01_CH03.tif",
        "SC_BP676-29_20x v2_M01_CH04.tif",
    ]
    assert (plate.pixel_size, plate.z_step) == ((0.325, 0.325), 3.0)
    assert plate.wavelengths == {"BP445/45": 445, "BP525/50": 525}
    assert plate.unparsed == ()


def test_channels_are_called_by_fluorophore_or_else_by_filter(tmp_path: Path) -> None:
    plate = open_plate(make_plate(tmp_path, mes=MES.format(step=3), mrf=MRF))

    assert {image.channel for image in plate.images} == {"DAPI", "BP525/50"}
    assert {image.well for image in plate.images} == {"AF48"}
    assert {image.z_index for image in plate.images} == {2, 4, None}
    assert plate.wavelengths == {"DAPI": 445, "BP525/50": 525}
    assert plate.pixel_size == (0.65, 0.325)
    assert plate.z_step == 3.0


def test_the_distance_of_planes_is_in_the_records_too(tmp_path: Path) -> None:
    assert open_plate(make_plate(tmp_path, mes=MES.format(step=0), mlf=MLF)).z_step == 1.5
    assert open_plate(make_plate(tmp_path, mlf=MLF)).z_step == 1.5


def test_a_plate_without_its_files_is_read_by_its_names(tmp_path: Path) -> None:
    plate = open_plate(make_plate(tmp_path))

    assert plate.maker == "CellVoyager"
    assert {image.channel for image in plate.images} == {"1", "2"}
    assert (plate.pixel_size, plate.z_step, plate.unparsed) == (None, None, ())


def test_a_settings_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    plate = open_plate(make_plate(tmp_path, mes=MES[: MES.index('<bts:Channel bts:Ch="2"')], mrf=MRF))

    assert {image.channel for image in plate.images} == {"DAPI", "2"}
    assert plate.pixel_size == (0.65, 0.325)
    assert plate.unparsed == (tmp_path / "Measurement.mes",)


def test_the_settings_that_were_used_are_those_that_the_detail_names(tmp_path: Path) -> None:
    detail = MRF.replace("bts:RowCount", 'bts:MeasurementSettingFileName="Measurement.mes" bts:RowCount')
    make_plate(tmp_path, mes=MES.format(step=3), mrf=detail)
    for name in ("A.mes", "Z.mes"):
        (tmp_path / name).write_text(MES.format(step=9).replace("DAPI", "GFP"), encoding="utf-8")

    plate = open_plate(tmp_path)

    assert ({image.channel for image in plate.images}, plate.z_step) == ({"DAPI", "BP525/50"}, 3.0)
