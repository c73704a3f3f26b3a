"""The benchmarks run to their last line; what they find is for people to read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

TRANSPORT = Path(__file__).parent / "benchmarks" / "transport.py"
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


@pytest.mark.timeout(300)  # two dozen processes, on a machine that may be busy
@pytest.mark.skipif(sys.platform == "win32", reason="it stops processes and uses Unix sockets")
def test_the_transport_benchmark_finds_every_ratio_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCS_BENCH_ENVS", str(tmp_path / "none"))

    command = [sys.executable, str(TRANSPORT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert all(found[ratio] > 0 for ratio in RATIOS)
    assert [found[name] for name in found if "_lost" in name] == [0] * 5
    assert [peer.split(":")[0] for peer in found["peers_missing"]] == ["iceoryx2"]
