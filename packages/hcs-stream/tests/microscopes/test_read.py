"""Pixels of single images, and files that hold none."""

import os
import pickle
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile

import hcs_stream.storage
from hcs_protocol import HcsError
from hcs_stream.microscopes import ImageFile, MissingExtraError, UnreadableImageError, read_image

GREY = np.arange(12, dtype="uint16").reshape(3, 4)
COLOUR = np.arange(36, dtype="uint8").reshape(3, 4, 3)


def image(path: Path, key: tuple[int, ...] = ()) -> ImageFile:
    return ImageFile(
        path=path, plate="P", well="A01", site=1, channel="1", z_index=None, timepoint=None, key=key
    )


@pytest.mark.parametrize("name", ["a.tif", "a.TIFF"])
def test_a_tiff_is_read(tmp_path: Path, name: str) -> None:
    tifffile.imwrite(tmp_path / name, GREY)

    assert read_image(image(tmp_path / name)).tolist() == GREY.tolist()


def test_the_compression_of_opera_phenix_is_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, compression="lzw")

    assert read_image(image(tmp_path / "a.tif")).tolist() == GREY.tolist()


def test_a_colour_image_has_three_channels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", COLOUR, photometric="rgb")
    imageio.imwrite(tmp_path / "a.png", COLOUR)

    assert read_image(image(tmp_path / "a.tif")).tolist() == COLOUR.tolist()
    assert read_image(image(tmp_path / "a.png")).tolist() == COLOUR.tolist()


def test_a_png_keeps_its_sixteen_bits(tmp_path: Path) -> None:
    imageio.imwrite(tmp_path / "a.png", GREY)

    assert read_image(image(tmp_path / "a.png")).tolist() == GREY.tolist()


def test_a_page_is_read_by_its_key(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([GREY, GREY + 1]), photometric="minisblack")

    assert read_image(image(tmp_path / "a.tif", (1,))).tolist() == (GREY + 1).tolist()
    with pytest.raises(UnreadableImageError, match=r"found several planes, of shape \(2, 3, 4\)"):
        read_image(image(tmp_path / "a.tif"))
    with pytest.raises(UnreadableImageError):
        read_image(image(tmp_path / "a.tif", (2,)))


@pytest.mark.parametrize("end", [6, 8, 100])
def test_a_tiff_of_which_only_the_beginning_was_written_is_cut_off(end: int, tmp_path: Path) -> None:
    header = b"II*\0" + bytes(4)  # where the first page is, its writer says last
    (tmp_path / "a.tif").write_bytes((header + bytes(92))[:end])

    with pytest.raises(UnreadableImageError, match="found a file that is cut off, or still being written,"):
        read_image(image(tmp_path / "a.tif"))


def test_a_stack_is_not_read_to_find_out_that_it_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([GREY, GREY]), photometric="minisblack", compression="zlib")
    with tifffile.TiffFile(path) as file:
        places = [(page.dataoffsets[0], page.databytecounts[0]) for page in file.pages]
    with path.open("r+b") as damaged:
        for offset, length in places:
            damaged.seek(offset)
            damaged.write(bytes(length))

    with pytest.raises(UnreadableImageError, match=r"found several planes, of shape \(2, 3, 4\)"):
        read_image(image(path))


def test_pages_that_were_appended_are_several_planes(tmp_path: Path) -> None:
    for _ in range(2):
        tifffile.imwrite(tmp_path / "a.tif", GREY, append=True)

    with pytest.raises(UnreadableImageError, match="found 2 planes of one size: say which by its key"):
        read_image(image(tmp_path / "a.tif"))


def test_an_overview_beside_an_image_is_no_plane(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    tifffile.imwrite(tmp_path / "a.tif", GREY[::2, ::2], append=True)

    assert read_image(image(tmp_path / "a.tif")).tolist() == GREY.tolist()


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_grey_with_transparency_is_grey(name: str, tmp_path: Path) -> None:
    pixels = np.stack([GREY, GREY + 1], axis=-1).astype("uint8")
    if name == "a.tif":
        alpha = {"planarconfig": "contig", "extrasamples": ["unassalpha"]}
        tifffile.imwrite(tmp_path / name, pixels, photometric="minisblack", **alpha)
    else:
        imageio.imwrite(tmp_path / name, pixels)

    assert read_image(image(tmp_path / name)).tolist() == pixels[..., 0].tolist()


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
@pytest.mark.parametrize("size", [0, 7, 100])
def test_a_half_written_file_is_an_error_that_names_it(tmp_path: Path, name: str, size: int) -> None:
    whole = tmp_path / f"whole_{name}"
    imageio.imwrite(whole, np.random.default_rng(0).integers(0, 99, (64, 64)).astype("uint8"))
    (tmp_path / name).write_bytes(whole.read_bytes()[:size])

    with pytest.raises(UnreadableImageError, match="wanted an image") as caught:
        read_image(image(tmp_path / name))

    assert caught.value.path == tmp_path / name
    assert isinstance(caught.value, ValueError)


def test_images_of_other_sizes_beside_the_first_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        file.write(GREY, metadata={"axes": "YX"})
        file.write(np.zeros((6, 8), "uint16"), metadata={"axes": "YX"})

    assert read_image(image(tmp_path / "a.ome.tif")).tolist() == GREY.tolist()
    assert "left out" in caplog.text
    assert "[(6, 8)]" in caplog.text


@pytest.mark.parametrize("kind", ["imagej", "ome", "shaped"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_stack_that_is_cut_off_is_no_plane(
    kind: str, compression: str | None, share: float, tmp_path: Path
) -> None:
    path, stack = tmp_path / "a.tif", np.arange(5 * 64 * 64, dtype="uint16").reshape(5, 64, 64)
    tifffile.imwrite(path, stack, imagej=kind == "imagej", ome=kind == "ome", compression=compression)
    os.truncate(path, int(path.stat().st_size * share))

    with pytest.raises(UnreadableImageError, match="cut off, or still being written"):
        read_image(image(path))


def test_what_stands_behind_an_image_cuts_nothing_off(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    with (tmp_path / "a.tif").open("ab") as file:
        file.write(b"anything")

    assert read_image(image(tmp_path / "a.tif")).tolist() == GREY.tolist()


def test_a_file_that_is_gone_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_image(image(tmp_path / "gone.tif"))


def test_a_missing_library_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(b"anything")
    monkeypatch.setitem(__import__("sys").modules, "imageio.v3", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'hcs-stream\[imageio\]'"):
        read_image(image(tmp_path / "a.png"))


@pytest.mark.parametrize("error", [MissingExtraError("a", "b"), UnreadableImageError(Path("a"), "b")])
def test_an_error_travels_between_processes(error: HcsError) -> None:
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_what_cannot_be_read_is_called_the_same_wherever_it_lies() -> None:
    assert UnreadableImageError is hcs_stream.storage.UnreadableImageError
