"""The benchmarks run to their last line; what they find is for people to read."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

BENCHMARKS = Path(__file__).parent / "benchmarks"
RATIOS = (
    "put_8mb_x_memcpy",
    "publish_lent_x_bare_send",
    "reader_view_8mb_x_memcpy",
    "flood_8mb_x_sharedmemory_per_image",
    "flood_256kb_x_zmq_ipc_insecure",
    "latency_lent_8mb_x_bare_zmq",
    "latency_lent_8mb_x_256kb",
    "spill_p99_x_bare_pwrite",
    "drop_oldest_p99_x_put",
    "send_to_3_viewers_x_1",
    "frozen_third_x_two",
)
WINDOW_RATIOS = (
    "first_image_visible_x_add_image",
    "image_visible_p50_x_refresh_paint",
    "cost_image_1000_x_image_100",
    "cost_image_6000_x_image_100",
    "gui_timer_16ms_p99_x_paint",
    "rss_x_pixels",
    "rss_x_pixels_add_image",
    "worker_image_x_add_image",
)
MANAGER_RATIOS = ("open_stall_x_paint", "scroll_stall_x_paint", "select_stall_x_paint")
START_RATIOS = ("first_image_x_bare_napari", "warm_x_bare_napari")
REMOTE_RATIOS = ("plain_x_zmq_raw", "curve_x_zmq_raw_curve")
LINK_RATIOS = ("images_per_s_x_uncompressed_limit", "compression_ratio")
PIPELINE_RATIOS = (
    "stream_share",
    "streaming_slowdown",
    "aa_spread",
    "trivial_step_slowdown",
    "parse_100k_x_scandir",
)


@pytest.mark.timeout(300)  # two dozen processes, on a machine that may be busy
@pytest.mark.skipif(sys.platform == "win32", reason="it stops processes and uses Unix sockets")
def test_the_transport_benchmark_finds_every_ratio_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCS_BENCH_ENVS", str(tmp_path / "none"))

    found = quick_run("transport.py", tmp_path)

    assert all(found[ratio] > 0 for ratio in RATIOS)
    assert [found[name] for name in found if "_lost" in name] == [0] * 5
    assert (found["pixel_copies"], found["pixel_copies_insecure"]) == (1, 1)
    assert [peer.split(":")[0] for peer in found["peers_missing"]] == ["iceoryx2"]


@pytest.mark.timeout(300)  # ten windows, one after the other, on a machine that may be busy
@pytest.mark.skipif(sys.platform == "win32", reason="it counts memory as Linux does")
def test_the_viewer_benchmark_finds_every_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_BENCH_ENVS", str(tmp_path / "none"))

    found = quick_run("viewer.py", tmp_path)

    assert all(found[ratio] > 0 for ratio in WINDOW_RATIOS)
    assert set(found["skipped"]) == {"rss_minus_budget_mb", "rss_anon_minus_budget_mb"}
    assert [peer.split(":")[0] for peer in found["peers_missing"]] == ["openhcs"]


@pytest.mark.timeout(300)  # a pipeline and two viewers, on a machine that may be busy
@pytest.mark.skipif(sys.platform == "win32", reason="its plate is made of links")
def test_the_pipeline_benchmark_finds_every_ratio_and_every_image(tmp_path: Path) -> None:
    found = quick_run("pipeline.py", tmp_path)

    assert all(found[ratio] > 0 for ratio in PIPELINE_RATIOS)
    assert found["images_shown"] == found["images_published"] > 0
    assert [found["lost"], found["trivial_step_lost"]] == [0, 0]


@pytest.mark.timeout(300)  # a window, on a machine that may be busy
def test_the_manager_benchmark_finds_every_ratio(tmp_path: Path) -> None:
    pytest.importorskip("PyQt6", reason="the window needs Qt")

    found = quick_run("manager.py", tmp_path)

    assert all(found[ratio] > 0 for ratio in MANAGER_RATIOS)


@pytest.mark.timeout(300)  # five viewers, one after the other, on a machine that may be busy
@pytest.mark.skipif(sys.platform == "win32", reason="there are no spare viewers")
def test_the_startup_benchmark_finds_both_ratios(tmp_path: Path) -> None:
    found = quick_run("startup.py", tmp_path)

    assert all(found[ratio] > 0 for ratio in START_RATIOS)
    assert found["spare_pss_mb"] > 0


@pytest.mark.timeout(300)  # a dozen processes, on a machine that may be busy
@pytest.mark.skipif(sys.platform == "win32", reason="its children have Unix pipes")
def test_the_remote_benchmark_finds_every_ratio_that_is_permitted_and_loses_nothing(tmp_path: Path) -> None:
    found = quick_run("remote.py", tmp_path)

    assert all(found[ratio] > 0 for ratio in REMOTE_RATIOS)
    if "skipped" in found:
        assert set(found["skipped"]) == {LINK_RATIOS[0]}
    else:
        assert all(found[ratio] > 0 for ratio in LINK_RATIOS)
        assert found["lost"] == 0


def test_the_parsing_benchmark_finds_its_ratio(tmp_path: Path) -> None:
    found = quick_run("parse.py", tmp_path)

    assert found["parse_100k_x_scandir"] == max(found["by_maker"].values()) > 0


def test_without_valgrind_the_cold_benchmark_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    found = subprocess.run([sys.executable, BENCHMARKS / "cold.py"], capture_output=True, check=True)

    assert "apt-get install valgrind" in json.loads(found.stdout)["skipped"]


def test_the_gpu_benchmark_measures_or_says_why_it_does_not(tmp_path: Path) -> None:
    found = quick_run("gpu.py", tmp_path)

    assert found.get("skipped") or found["device"]
    assert json.loads((tmp_path / "gpu.json").read_text()) == found


def test_the_gpu_benchmark_finds_all_numbers_though_libraries_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import fake_cudart\nfake_cudart.install()\n")
    fake = BENCHMARKS.parents[1] / "packages" / "hcs-shm" / "tests"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (tmp_path, fake))))

    found = quick_run("gpu.py", tmp_path)

    keys = [
        f"cupy_{side}_{what}"
        for side in (512, 2048, 4096)
        for what in ("x_pinned_limit", "x_naive", "enqueue_us", "send_us")
    ]
    assert [key for key in keys if not found.get(key)] == []
    assert {name.partition("_")[0] for name in found["skipped"]} == {"torch", "jax"}  # which see none
    assert found["device"] == "a device that is none"
    assert json.loads((tmp_path / "gpu.json").read_text()) == found


def quick_run(script: str, folder: Path) -> dict[str, Any]:
    """Run a benchmark and return its last line."""
    command = [sys.executable, str(BENCHMARKS / script), "--quick", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
