import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hcs_protocol import BlockUnavailableError, FileRef, ImageSpec
from hcs_viewer._files import WorkersFile, read_file

SPEC = ImageSpec(shape=(3, 4), dtype="uint16")
PIXELS = np.arange(12, dtype="uint16").reshape(3, 4)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_file_is_read_as_little_endian_bytes(tmp_path: Path, byteorder: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, byteorder=byteorder)

    found = read_file(FileRef(path=str(tmp_path / "a.tif")), SPEC)

    assert found == PIXELS.astype("<u2").tobytes()


def test_the_key_is_the_page(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([PIXELS, PIXELS + 1]), photometric="minisblack")

    found = read_file(FileRef(path=str(tmp_path / "a.tif"), key=1), SPEC)

    assert found == (PIXELS + 1).tobytes()


@pytest.mark.parametrize(
    "spec", [ImageSpec(shape=(4, 3), dtype="uint16"), ImageSpec(shape=(3, 4), dtype="int16")]
)
def test_a_file_that_is_not_what_the_message_says_is_unavailable(tmp_path: Path, spec: ImageSpec) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS)

    with pytest.raises(BlockUnavailableError, match=r"wanted .* there is \(3, 4\) uint16"):
        read_file(FileRef(path=str(tmp_path / "a.tif")), spec)


@pytest.mark.parametrize("nbytes", [0, 10, 200])
def test_a_damaged_file_is_unavailable(tmp_path: Path, nbytes: int) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.tile(PIXELS, (50, 50)), compression="zlib")
    os.truncate(tmp_path / "a.tif", nbytes)

    with pytest.raises(BlockUnavailableError, match=r"cannot read page 0"):
        read_file(FileRef(path=str(tmp_path / "a.tif")), ImageSpec(shape=(150, 200), dtype="uint16"))


def test_a_file_that_nothing_here_decodes_is_not_relied_on(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as tiff:
        tiff.pages[0].tags["Compression"].overwrite(60_000)
    ref = FileRef(path=str(tmp_path / "a.tif"))

    assert not WorkersFile(ref, SPEC).is_good()
    with pytest.raises(BlockUnavailableError, match="cannot read page 0"):
        read_file(ref, SPEC)


def test_a_missing_page_is_unavailable(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS)

    with pytest.raises(BlockUnavailableError, match=r"cannot read page 7"):
        read_file(FileRef(path=str(tmp_path / "a.tif"), key=7), SPEC)


@pytest.mark.parametrize("path", ["/nowhere/a.tif", ".", "/dev/zero"])
def test_what_is_no_file_is_unavailable(path: str) -> None:
    with pytest.raises(BlockUnavailableError, match=r"no such file"):
        read_file(FileRef(path=path), SPEC)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_that_takes_a_files_place_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "a.tif")
    monkeypatch.setattr(os.path, "isfile", lambda path: True)  # as it was a moment ago

    with pytest.raises(BlockUnavailableError, match="no plain file"):
        read_file(FileRef(path=str(tmp_path / "a.tif")), SPEC)


def test_what_is_larger_than_the_memory_is_not_decoded(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS)

    with pytest.raises(BlockUnavailableError, match=r"too large: wanted at most 23 bytes.* has 24.*--memory"):
        read_file(FileRef(path=str(tmp_path / "a.tif")), SPEC, most=23)


def test_a_tile_that_is_larger_than_the_memory_is_not_decoded(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, tile=(128, 128))

    with pytest.raises(BlockUnavailableError, match="wanted chunks of at most 1000 bytes, they have 32768"):
        read_file(FileRef(path=str(tmp_path / "a.tif")), SPEC, most=1000)
