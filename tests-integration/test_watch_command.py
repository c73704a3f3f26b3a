"""`hcs-stream watch` shows what a microscope writes, when it is whole, and each file once."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

import hcs_stream
from hcs_protocol import Components, State
from hcs_stream.microscopes import format_htd

Wait = Callable[[hcs_stream.Viewer, Callable[[State], bool]], State]
Watch = Callable[..., subprocess.Popen[str]]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Ctrl-C to send")


@pytest.fixture
def watch(viewer: hcs_stream.Viewer, tmp_path: Path) -> Iterator[Watch]:
    """Begin to watch the test's folder; returns when it does."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: object) -> subprocess.Popen[str]:
        port = str(viewer.connection.data_port)
        line = [
            sys.executable,
            "-m",
            "hcs_stream",
            "watch",
            "--port",
            port,
            *map(str, options),
            str(tmp_path),
        ]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stderr is not None
        assert "watching" in process.stderr.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Press Ctrl-C, and return what was said."""
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=50)


def image_of(value: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    return np.full((8, 8), value, "uint16")


def shown(count: int) -> Callable[[State], bool]:
    return lambda state: sum(layer.images for layer in state.layers) == count


@pytest.mark.parametrize("options", [[], ["--polling", "--every", "0.05"]])
def test_what_is_there_and_what_comes_is_shown_once(
    options: list[str], viewer: hcs_stream.Viewer, watch: Watch, wait_until: Wait, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "Assay_A01_s1_w1.TIF", image_of(1))
    process = watch(*options)
    wait_until(viewer, shown(1))
    (tmp_path / "TimePoint_2").mkdir()
    tifffile.imwrite(tmp_path / "TimePoint_2" / "Assay_A01_s1_w1.TIF", image_of(2))
    wait_until(viewer, shown(2))
    (tmp_path / "Assay_A01_s1_w1.TIF").touch()
    tifffile.imwrite(tmp_path / "Assay_B02_s1_w1.TIF", image_of(3))
    state = wait_until(viewer, shown(3))

    said, _ = end(process)

    assert process.returncode == 0
    assert said.startswith("sent 3 of 3 images to localhost:")
    found = viewer.image(state.layers[0].name, Components(plate="Assay", well="B02", site=1))
    assert np.unique(found).tolist() == [3]


def test_a_half_written_file_is_waited_for(
    viewer: hcs_stream.Viewer, watch: Watch, wait_until: Wait, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "whole.tmp", image_of(7))
    whole = (tmp_path / "whole.tmp").read_bytes()
    process = watch("--settle", "0")
    half = tmp_path / "Assay_A01_s1_w1.TIF"
    half.write_bytes(whole[: len(whole) // 2])
    os.rename(tmp_path / "whole.tmp", tmp_path / "Assay_A02_s1_w1.TIF")
    wait_until(viewer, shown(1))
    half.write_bytes(whole)
    wait_until(viewer, shown(2))

    said, errors = end(process)

    assert process.returncode == 0
    assert "cannot be read" not in errors
    assert said.startswith("sent 2 of 2 images")


def test_a_file_that_never_becomes_readable_is_named(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "Assay_A01_s1_w1.TIF").write_bytes(b"II*\0")
    process = watch("--settle", "0", "--patience", "0.1", "--idle", "0.1")

    said, errors = process.communicate(timeout=50)

    assert process.returncode == 1
    assert "cannot be read, and is tried on" in errors
    assert "Assay_A01_s1_w1.TIF" in errors
    assert said.startswith("sent 0 of 1 image to localhost:")


def test_what_was_not_read_yet_is_counted_and_not_called_unreadable(
    viewer: hcs_stream.Viewer, watch: Watch, wait_until: Wait, tmp_path: Path
) -> None:
    for well in ("A01", "A02"):
        tifffile.imwrite(tmp_path / f"Assay_{well}_s1_w1.TIF", image_of(1))
    process = watch("--settle", "3600")
    tifffile.imwrite(tmp_path / "whole.tmp", image_of(2))
    os.rename(tmp_path / "whole.tmp", tmp_path / "Assay_A03_s1_w1.TIF")
    wait_until(viewer, shown(1))

    said, errors = end(process)

    assert process.returncode == 1
    assert said.startswith("sent 1 of 3 images to localhost:")
    assert "unreadable" not in said
    assert errors.count("\n") == 1
    assert "not read yet, and so not sent: 2 files" in errors


def test_new_only_leaves_out_what_is_there(
    viewer: hcs_stream.Viewer, watch: Watch, wait_until: Wait, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "Assay_A01_s1_w1.TIF", image_of(1))
    process = watch("--new-only")
    tifffile.imwrite(tmp_path / "Assay_A02_s1_w1.TIF", image_of(2))
    state = wait_until(viewer, shown(1))
    end(process)

    assert state.axes["well"] == ["A02"]


def test_metadata_that_come_late_hold_from_then_on(
    viewer: hcs_stream.Viewer, watch: Watch, wait_until: Wait, tmp_path: Path
) -> None:
    process = watch()
    tifffile.imwrite(tmp_path / "Assay_A01_s1_w1.TIF", image_of(1))
    wait_until(viewer, shown(1))
    (tmp_path / "Assay.HTD").write_text(format_htd({"1": "DAPI"}), encoding="latin-1", newline="")
    tifffile.imwrite(tmp_path / "Assay_A02_s1_w1.TIF", image_of(2))
    state = wait_until(viewer, shown(2))
    _, errors = end(process)

    assert [layer.name for layer in state.layers] == ["Channel_1", "Channel_DAPI"]
    assert "1 image would have other names or sizes" in errors
