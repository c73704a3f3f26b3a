"""`hcs-stream state`: for people and for programs."""

import json
from typing import Any

import msgspec
import pytest

from hcs_protocol import State, decode
from hcs_protocol.testing import golden_messages
from hcs_stream.cli import main

STATE = decode(golden_messages()["state.json"])
assert isinstance(STATE, State)

Captured = pytest.CaptureFixture[str]


def lines_of(viewer: Any, state: State, capsys: Captured) -> list[str]:
    """Return the lines that people read of a state."""
    viewer.state = state
    assert main(["state", str(viewer.connection.data_port)]) == 0
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_layers_are_told_from_top_to_bottom_then_sliders_runs_and_camera(
    viewer: Any, capsys: Captured
) -> None:
    assert lines_of(viewer, STATE, capsys) == [
        f"fake  data {viewer.connection.data_port}",
        "  layer                              kind   shown images shape                dtype  "
        "contrast  colormap run",
        "  Step_03_segment_nuclei_Channel_2   labels no         1 12×512×512           int32",
        "  Step_02_gaussian_blur_Channel_DAPI image  yes      384 1×2×96×4×1×2048×2048 uint16 "
        "95–4095.5 blue     2024-05-17 plate 3434 run 1",
        "  slider  at  of values",
        "  well    B03  2 A01, B03",
        "  site    2    2 1, 2",
        "  z_index –    2 –, 7",
        "  run                         progress",
        "  2024-05-17 plate 3434 run 1 gaussian blur: 11 of 24",
        "  camera  zoom 1.75  centre 0.0, 332.8, 332.8  canvas 900 × 1200",
    ]


def test_without_a_port_it_is_the_viewer_that_connect_finds(
    viewer: Any, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.state = STATE
    monkeypatch.setenv("HCS_DATA_PORT", str(viewer.connection.data_port))

    assert main(["state", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data_port"] == viewer.connection.data_port


def test_a_variable_that_says_no_port_is_told(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_DATA_PORT", "five")

    assert main(["state"]) == 1
    assert "wanted a number as HCS_DATA_PORT, got 'five'" in capsys.readouterr().err


def test_a_window_without_layers_is_told(viewer: Any, capsys: Captured) -> None:
    assert "  no layers" in lines_of(viewer, State(reply_to="-"), capsys)


def test_many_values_of_a_slider_are_told_by_the_first_and_the_last(viewer: Any, capsys: Captured) -> None:
    wells = [f"A{column:02d}" for column in range(1, 25)]
    lines = lines_of(viewer, State(reply_to="-", axes={"well": wells}, position={"well": "A02"}), capsys)

    assert "  well   A02 24 A01 … A24" in lines


def test_nobody_elses_escapes_reach_the_terminal(viewer: Any, capsys: Captured) -> None:
    layer = msgspec.structs.replace(STATE.layers[0], name="a\x1b[31mb", run="r\x07", colormap="\x9b1m")
    progress = {"r\x07": "half\r done"}

    text = "\n".join(lines_of(viewer, State(reply_to="-", layers=[layer], progress=progress), capsys))

    assert "a?[31mb" in text
    assert all(letter.isprintable() or letter == "\n" for letter in text)


def test_programs_get_all_of_it_in_one_line(new_viewer: Any, capsys: Captured) -> None:
    viewers = [new_viewer() for _ in range(2)]
    for viewer in viewers:
        viewer.state = STATE
    ports = [viewer.connection.data_port for viewer in viewers]

    assert main(["state", *map(str, ports), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [line["data_port"] for line in lines] == ports
    assert lines[0]["layers"][1]["visible"] is False
    assert lines[0]["layers"][1]["run"] == ""
    assert lines[0]["axes"]["z_index"] == [None, 7]
    assert "reply_to" not in lines[0]


def test_a_viewer_that_does_not_answer_is_named_with_what_helps(viewer: Any, capsys: Captured) -> None:
    viewer.answers = False
    port = viewer.connection.data_port

    assert main(["state", str(port), "--timeout", "0.05"]) == 1
    said = capsys.readouterr().err
    assert f"viewer 'fake' on port {port}; wait longer with --timeout" in said
    assert f"'hcs-stream stop {port}'" in said


@pytest.mark.parametrize("said", ["five", "80", "70000"])
def test_what_is_no_port_is_wrong_usage(said: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["state", said])

    assert ended.value.code == 2
    assert said in capsys.readouterr().err
