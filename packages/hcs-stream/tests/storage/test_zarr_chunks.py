"""Files of chunks that are not whole."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcs_stream.storage import FileManager, UnreadableImageError, ZarrPlate

IMAGE = np.random.default_rng(3).integers(1, 60_000, (200, 200), np.uint16)
NAMES = pytest.mark.parametrize("name", ["A01_s1_w1.tif", "holiday.tif"])
LAYOUTS = pytest.mark.parametrize(
    "layout",
    [
        {},
        {"ngff": "0.4"},
        {"chunk": 64},
        {"chunk": 64, "sharding": False},
        {"compressor": "lz4"},
        {"compressor": "gzip"},
        {"compressor": "none"},
        {"compressor": "none", "ngff": "0.4"},
    ],
    ids=str,
)


def saved(path: Path, layout: dict[str, Any]) -> Path:
    """Save the image and return the first file of its pixels."""
    FileManager().save(IMAGE, path, "zarr", **layout)
    folder = path.parent / "A" / "01" / "1" if path.name.startswith("A01") else path.parent / "images"
    return min(file for file in folder.rglob("0") if file.is_file())


@pytest.mark.parametrize("rest", [0.0, 0.001, 0.1, 0.5, 0.999])
@LAYOUTS
@NAMES
def test_a_file_that_was_cut_off_is_no_image(
    name: str, layout: dict[str, Any], rest: float, tmp_path: Path
) -> None:
    file = saved(tmp_path / "p.zarr" / name, layout)
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * rest)])

    with pytest.raises(UnreadableImageError):
        FileManager().load(tmp_path / "p.zarr" / name, "zarr")


@NAMES
def test_a_file_without_a_checksum_that_was_cut_off_is_no_image(name: str, tmp_path: Path) -> None:
    file = saved(tmp_path / "p.zarr" / name, {})
    metadata = next(above for above in file.parents if above.name == "0" and (above / "zarr.json").is_file())
    array = json.loads((metadata / "zarr.json").read_text())
    array["codecs"] = [codec for codec in array["codecs"] if codec["name"] != "crc32c"]
    (metadata / "zarr.json").write_text(json.dumps(array))
    np.testing.assert_array_equal(FileManager().load(tmp_path / "p.zarr" / name, "zarr"), IMAGE)

    file.write_bytes(file.read_bytes()[:-100])

    with pytest.raises(UnreadableImageError, match=r"wanted \d+ bytes or more"):
        FileManager().load(tmp_path / "p.zarr" / name, "zarr")


@pytest.mark.parametrize("compressor", ["zstd", "lz4"])
@NAMES
def test_a_file_of_which_a_part_was_lost_is_no_image(name: str, compressor: str, tmp_path: Path) -> None:
    file = saved(tmp_path / "p.zarr" / name, {"compressor": compressor})
    whole = file.read_bytes()
    file.write_bytes(whole[:-4000].ljust(len(whole), b"\0"))  # as after a power cut

    with pytest.raises(UnreadableImageError):
        FileManager().load(tmp_path / "p.zarr" / name, "zarr")


def test_a_plate_with_an_image_that_was_cut_off_is_made_whole(tmp_path: Path) -> None:
    file = saved(tmp_path / "p.zarr" / "A01_s1_w1.tif", {"compressor": "gzip"})
    file.write_bytes(b"")

    ZarrPlate(tmp_path / "p.zarr").finalise()

    with pytest.raises(UnreadableImageError):
        FileManager().load(tmp_path / "p.zarr" / "A01_s1_w1.tif", "zarr")


@NAMES
def test_an_image_of_zeros_is_whole(name: str, tmp_path: Path) -> None:
    FileManager().save(np.zeros((200, 200), np.uint16), tmp_path / "p.zarr" / name, "zarr")

    assert not FileManager().load(tmp_path / "p.zarr" / name, "zarr").any()
