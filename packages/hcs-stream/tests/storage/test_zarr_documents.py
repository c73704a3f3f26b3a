"""Metadata of plates that is JSON, but not what was written."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcs_stream.storage import FileManager, ImageNotFoundError, UnreadableImageError, ZarrPlate

IMAGE = np.arange(30, dtype=np.uint16).reshape(5, 6)
CALLS: dict[str, Callable[[Path], object]] = {
    "load": lambda path: FileManager().load(path, "zarr"),
    "exists": lambda path: FileManager().exists(path, "zarr"),
    "list": lambda path: FileManager().list_images(path.parent, "zarr"),
    "save": lambda path: FileManager().save(IMAGE, path, "zarr"),
    "delete": lambda path: FileManager().delete(path, "zarr"),
    "read": lambda path: ZarrPlate(path.parent).read({"well": "A1", "site": 1, "channel": "1"}),
    "finalise": lambda path: ZarrPlate(path.parent).finalise(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "attributes",
    [
        [],
        {"hcs": 5},
        {"hcs": {"names": []}},
        {"hcs": {"variant": "", "names": {"A01_s1_w1.tif": {"planes": [[0, 0]]}}}},
        {"hcs": {"variants": []}},
        {"hcs": {}, "ome": 5},
        {"hcs": {}, "ome": {"plate": 3}},
        {"hcs": {}, "ome": {"plate": {"wells": [3]}}},
        {"hcs": {}, "ome": {"well": {"images": 3}}},
    ],
    ids=str,
)
@pytest.mark.parametrize("group", [".", "A/01", "A/01/1", "images/holiday.tif"])
def test_odd_metadata_is_an_unreadable_image_or_none(
    group: str, attributes: Any, call: str, tmp_path: Path
) -> None:
    plate = tmp_path / "p.zarr"
    paths = [plate / "A01_s1_w1.tif", plate / "holiday.tif"]
    FileManager().save_batch([IMAGE, IMAGE], paths, "zarr")
    document = plate / group / "zarr.json"
    document.write_text(json.dumps({**json.loads(document.read_text()), "attributes": attributes}))

    for path in paths:
        with suppress(UnreadableImageError, ImageNotFoundError):
            CALLS[call](path)
