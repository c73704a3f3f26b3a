import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from hcs_protocol import BlockUnavailableError, FileRef, ImageSpec
from hcs_viewer._files import read_file

STACK = np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6)
SPEC = ImageSpec(shape=(5, 6), dtype="uint16")


@pytest.fixture(params=["3, sharded", "3", "2", "2, dots"])
def array(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of an array with one file for each plane."""
    version = int(request.param[0])
    shards: dict[str, Any] = {"shards": (1, 1, 1, 6, 6), "chunks": (1, 1, 1, 3, 3)}
    more = shards if "shard" in request.param else {}
    separator = "." if "dots" in request.param else "/"
    encoding = {"name": "v2" if version == 2 else "default", "separator": separator}
    keywords: dict[str, Any] = {"chunks": (1, 1, 1, 5, 6), "chunk_key_encoding": encoding, **more}
    zarr.create_array(tmp_path / "a", data=STACK, zarr_format=version, **keywords)
    return tmp_path / "a"


def test_a_plane_is_read_by_the_file_of_its_chunk(array: Path) -> None:
    names = {path.relative_to(array).as_posix(): path for path in array.rglob("*") if path.is_file()}
    found = [path for name, path in names.items() if name.endswith(("1/2/3/0/0", "1.2.3.0.0"))]

    [path] = found
    assert read_file(FileRef(path=str(path)), SPEC) == STACK[1, 2, 3].tobytes()


def test_several_planes_of_one_chunk_are_told_apart_by_the_key(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a", data=STACK, chunks=(1, 2, 4, 5, 6))

    found = read_file(FileRef(path=str(tmp_path / "a" / "c" / "1" / "0" / "0" / "0" / "0"), key=6), SPEC)

    assert found == STACK[1, 1, 2].tobytes()


def test_big_endian_planes_are_read_as_others(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a", data=STACK[0, 0].astype(">u2"), chunks=(1, 5, 6), zarr_format=2)

    assert read_file(FileRef(path=str(tmp_path / "a" / "2.0.0")), SPEC) == STACK[0, 0, 2].tobytes()


def test_an_array_of_two_axes_has_one_plane(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a", data=STACK[0, 0, 0])
    chunk = str(tmp_path / "a" / "c" / "0" / "0")

    assert read_file(FileRef(path=chunk), SPEC) == STACK[0, 0, 0].tobytes()
    with pytest.raises(BlockUnavailableError, match="out of bounds"):
        read_file(FileRef(path=chunk, key=1), SPEC)


def test_a_chunk_that_is_gone_is_no_black_image(array: Path) -> None:
    for path in [
        path for path in array.rglob("*") if path.is_file() and not path.name.startswith(("z", "."))
    ]:
        path.unlink()

        with pytest.raises(BlockUnavailableError):
            read_file(FileRef(path=str(path)), SPEC)


@pytest.mark.parametrize(
    "spec", [ImageSpec(shape=(6, 5), dtype="uint16"), ImageSpec(shape=(5, 6), dtype="uint8")]
)
def test_a_plane_that_is_not_what_the_spec_says_is_refused(spec: ImageSpec, tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a", data=STACK, chunks=(1, 1, 1, 5, 6))

    with pytest.raises(BlockUnavailableError, match="wanted"):
        read_file(FileRef(path=str(tmp_path / "a" / "c" / "0" / "0" / "0" / "0" / "0")), spec)


class Harm:
    """What does harm when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_nothing_is_unpickled(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    as_before_0_16_6 = "numcodecs.pickles.ALLOW_UNSAFE_PICKLE_DECODE"
    monkeypatch.setattr(as_before_0_16_6, True, raising=False)
    zarr.create_array(tmp_path / "a", data=STACK[0, 0, 0], chunks=(5, 6), zarr_format=2, compressors=None)
    metadata = json.loads((tmp_path / "a" / ".zarray").read_text())
    pickled = {"id": "pickle", "protocol": 4}
    metadata[place] = [pickled] if place == "filters" else pickled
    (tmp_path / "a" / ".zarray").write_text(json.dumps(metadata))
    (tmp_path / "a" / "0.0").write_bytes(pickle.dumps(Harm(tmp_path / "harm")))

    with pytest.raises(BlockUnavailableError, match="pickle"):
        read_file(FileRef(path=str(tmp_path / "a" / "0.0")), SPEC)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("name", ["0/0", "00.0", "c.0.0"])
def test_a_file_that_is_none_of_the_arrays_chunks_is_no_black_image(tmp_path: Path, name: str) -> None:
    zarr.create_array(tmp_path / "a", shape=(5, 6), dtype="uint16", chunks=(5, 6), zarr_format=2)
    path = tmp_path / "a" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(STACK[0, 0, 0].tobytes())

    with pytest.raises(BlockUnavailableError, match=r"wanted the chunk '0\.0', found"):
        read_file(FileRef(path=str(path)), SPEC)


def test_a_file_that_only_looks_like_a_chunk_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"nothing")

    with pytest.raises(BlockUnavailableError, match="a zarr array"):
        read_file(FileRef(path=str(tmp_path / "0")), SPEC)
