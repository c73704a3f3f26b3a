"""`hcs-stream plates`: what is in a folder, for people and for programs."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import zarr

from hcs_stream.cli import main
from hcs_stream.storage import ZarrOutput

Captured = pytest.CaptureFixture[str]

needs_plates = pytest.mark.skipif(
    not os.environ.get("HCS_TEST_PLATES"), reason="HCS_TEST_PLATES names no folder of plates"
)


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@needs_plates
def test_a_cellvoyager_plate_is_counted_and_what_was_skipped_is_named(capsys: Captured) -> None:
    status = main(["plates", str(Path(os.environ["HCS_TEST_PLATES"]) / "cellvoyager-cv8000")])
    said = capsys.readouterr().out

    assert status == 0
    assert "3 wells × 4 sites × 2 channels × 4 z (96 images)" in said
    assert "6 corrections: DC_DCAM#1_CAM3.tif" in said
    assert "MeasurementData.mlf" in said


@needs_plates
def test_all_plates_of_a_folder_are_listed(capsys: Captured) -> None:
    main(["plates", os.environ["HCS_TEST_PLATES"], "--json"])
    folders = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    makers = {folder["maker"] for folder in folders if folder["plates"]}
    assert makers >= {"CellVoyager", "Cellomics", "ImageXpress", "Opera Phenix"}


def test_a_plate_that_lacks_images_says_how_many(tmp_path: Path, capsys: Captured) -> None:
    touch(
        tmp_path, "P_A01_s1_w1.TIF", "P_A01_s2_w1.TIF", "P_B02_s1_w1.TIF", "P_A01_s1_w1_thumb.TIF", "my.tif"
    )
    main(["plates", str(tmp_path)])

    assert capsys.readouterr().out.splitlines() == [
        "P  ImageXpress  2 wells × 2 sites × 1 channel (3 images, 1 fewer than that)",
        "  wells       A01, B02",
        "  channels    1",
        f"in {tmp_path}",
        "  skipped     1 thumb: P_A01_s1_w1_thumb.TIF",
        "  not known   1 file: my.tif",
        "              sent by their names; "
        "--pattern '{well}_f{site}_{channel}_z{z_index}.tif' or the like has them read",
    ]


def test_projections_are_counted_beside_planes(tmp_path: Path, capsys: Captured) -> None:
    touch(tmp_path, "P_A01_s1_w1.TIF", "ZStep_1/P_A01_s1_w1.TIF", "ZStep_2/P_A01_s1_w1.TIF")
    main(["plates", str(tmp_path)])

    assert "1 well × 1 site × 1 channel × 2 z and projections (3 images)" in capsys.readouterr().out


def test_programs_get_all_names(tmp_path: Path, capsys: Captured) -> None:
    touch(tmp_path, *(f"P_A{column:02d}_s1_w1.TIF" for column in range(1, 13)), "note.txt")
    main(["plates", str(tmp_path), "--json"])
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())

    assert len(line["plates"][0]["wells"]) == 12
    assert line["skipped"] == {"other": [str(tmp_path / "note.txt")]}


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_folder_without_images_is_status_1(options: list[str], tmp_path: Path, capsys: Captured) -> None:
    status = main(["plates", str(touch(tmp_path, "note.txt")), *options])
    said = capsys.readouterr()

    assert (status, said.out) == (1, "")
    assert said.err.startswith("hcs-stream: wanted ")


def test_a_maker_that_there_is_not_is_refused(tmp_path: Path, capsys: Captured) -> None:
    status = main(["plates", str(touch(tmp_path, "P_A01.TIF")), "--maker", "opera"])

    assert status == 1
    assert "wanted a maker among" in capsys.readouterr().err


def test_names_are_read_by_a_pattern(tmp_path: Path, capsys: Captured) -> None:
    folder = touch(tmp_path, "A01-f1 GFP.tif", "A01-f2 GFP.tif", "overview.tif")

    status = main(["plates", str(folder), "--pattern", "{well}-f{site} {channel}.tif"])

    assert status == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{folder.name}  pattern  1 well × 2 sites × 1 channel (2 images)",
        "  wells       A01",
        "  channels    GFP",
        f"in {folder}",
        "  not known   1 file: overview.tif",
        "              not sent: the pattern does not match",
    ]


@pytest.mark.parametrize("command", ["plates", "send", "watch", "run"])
def test_a_bad_pattern_is_wrong_usage(command: str, tmp_path: Path, capsys: Captured) -> None:
    paths = [str(tmp_path / "none")] * (2 if command == "run" else 1)

    with pytest.raises(SystemExit) as caught:
        main([command, *paths, "--pattern", "{well}_{fov}.tif"])

    assert caught.value.code == 2
    assert "argument --pattern: wanted a pattern with {well}, or {row}" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--pattern", "{well}.tif"]])
def test_results_say_what_made_them_of_what(options: list[str], tmp_path: Path, capsys: Captured) -> None:
    output = ZarrOutput(tmp_path, source="Assay 7")
    output.write({"well": "A01"}, np.ones((4, 5), "uint8"), step=(2, "cells"), kind="labels")

    main(["plates", str(tmp_path / "Step_02_cells.zarr"), *options])

    assert capsys.readouterr().out.splitlines() == [
        "Step_02_cells  OME-NGFF  1 well (1 image)",
        "  wells       A01",
        "  made        labels by step 2 cells of Assay 7",
        f"in {tmp_path / 'Step_02_cells.zarr'}",
    ]


def test_an_image_of_no_plate_beside_a_plate_is_told_of(tmp_path: Path, capsys: Captured) -> None:
    touch(tmp_path, "overview.tif")
    store = zarr.open_group(tmp_path / "six.zarr", mode="w", zarr_format=2)
    store.attrs["multiscales"] = [{"axes": ["y", "x"], "datasets": [{"path": "0"}]}]

    main(["plates", str(tmp_path)])
    main(["plates", str(tmp_path), "--json"])

    *lines, line = capsys.readouterr().out.splitlines()
    assert "  no plate    1 OME-NGFF image: six.zarr" in lines
    assert "              'hcs-stream send' shows each as a site of its name" in lines
    assert json.loads(line)["single_images"] == [str(tmp_path / "six.zarr")]


def test_a_single_image_is_no_plate_and_the_advice_is_to_send_it(tmp_path: Path, capsys: Captured) -> None:
    store = zarr.open_group(tmp_path / "six.zarr", mode="w", zarr_format=3)
    store.attrs["ome"] = {"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "0"}]}]}

    status = main(["plates", str(tmp_path / "six.zarr")])

    assert status == 1
    assert "'hcs-stream send' shows it" in capsys.readouterr().err
