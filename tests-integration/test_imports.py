"""What importing the packages brings along, and what they do without."""

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

Python = Callable[..., CompletedProcess[str]]

TOOLKITS = ("napari", "qtpy", "PyQt6", "PySide6", "torch", "jax", "cupy", "hcs_viewer")
SOME_NEED = ("zarr", "numcodecs", "filelock", "ome_zarr", "imageio", "dask")
UNIX_HIDDEN = """
import os, sys
sys.modules["fcntl"] = None
for name in ("setsid", "posix_fallocate", "register_at_fork", "pidfd_open", "fork"):
    if hasattr(os, name):
        delattr(os, name)
"""


@pytest.mark.parametrize(
    "package", ["hcs_protocol", "hcs_shm", "hcs_stream", "hcs_stream.config", "hcs_stream.pipeline"]
)
def test_a_pipelines_packages_import_no_window_and_no_array_library(package: str, python: Python) -> None:
    done = python(f"import sys, {package}; print([name for name in {TOOLKITS} if name in sys.modules])")

    assert done.stdout == "[]\n", done.stderr


def test_storage_imports_no_library_that_only_some_need(python: Python) -> None:
    done = python(
        f"import sys, hcs_stream.storage; print([name for name in {SOME_NEED} if name in sys.modules])"
    )

    assert done.stdout == "[]\n", done.stderr


def test_file_names_are_read_without_what_reads_images(python: Python) -> None:
    readers = ("tifffile", "imageio", "imagecodecs", "zarr")
    done = python(
        f"import sys, hcs_stream.microscopes as m; m.parse_path('A01_s1_w1.tif'); "
        f"print([name for name in {readers} if name in sys.modules])"
    )

    assert done.stdout == "[]\n", done.stderr


def test_the_protocol_imports_msgspec_and_the_standard_library_alone(python: Python) -> None:
    known = "{'hcs_protocol', 'msgspec', 'typing_extensions'} | sys.stdlib_module_names"
    done = python(
        f"import sys; before = set(sys.modules); import hcs_protocol, hcs_protocol.testing; "
        f"print({{m.split('.')[0] for m in set(sys.modules) - before}} - ({known}))"
    )

    assert done.stdout == "set()\n", done.stderr


def test_both_sides_talk_by_frames_without_what_windows_lacks(
    data_port: int, python: Python, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HCS_SHM_DIR")
    viewer_command = [
        "python",
        "-c",
        f"{UNIX_HIDDEN}\nfrom hcs_viewer.__main__ import main\nsys.exit(main())",
    ]
    done = python(
        f"""{UNIX_HIDDEN}
os.environ["HCS_SHM_DIR"] = "/dev/null/none"
import numpy as np, hcs_stream
viewer_command = [sys.executable, *{viewer_command[1:]!r}]
port = int(sys.argv[1])
with hcs_stream.connect(data_port=port, viewer_command=viewer_command, persistent=False) as stream:
    stream.send(np.arange(12, dtype="uint16").reshape(3, 4), well="A01")
    stream.flush()
    viewer = hcs_stream.find_viewer(port)
    print(viewer.image("Image").sum(), viewer.ping().counters.adopted)
    viewer.stop()
""",
        data_port,
    )

    assert done.stdout == "66 1\n", done.stderr
