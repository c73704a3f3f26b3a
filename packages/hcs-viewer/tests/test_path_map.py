"""Where the files of workers on other machines lie here, and that no path leads anywhere else."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hcs_protocol import BlockRef, BlockUnavailableError, FileRef, FrameRef, ImageReady, ImageSpec
from hcs_viewer._files import WorkersFile
from hcs_viewer._path_map import PathMap, path_maps

PIXELS = np.arange(12, dtype="uint16").reshape(3, 4)
SPEC = ImageSpec(shape=(3, 4), dtype="uint16")


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """A folder with an image, ``plate 7/A01.tif``."""
    folder = tmp_path / "plates"
    (folder / "plate 7").mkdir(parents=True)
    tifffile.imwrite(folder / "plate 7" / "A01.tif", PIXELS)
    return folder


@pytest.mark.parametrize(
    ("there", "path"),
    [
        ("/data/plates", "/data/plates/plate 7/A01.tif"),
        ("/data/plates/", "/data/plates//./plate 7/A01.tif"),
        ("Z:/plates", "Z:\\plates\\plate 7\\A01.tif"),
        ("Z:\\plates", "z:/PLATES/plate 7/A01.tif"),
        ("\\\\nas\\lab", "\\\\NAS\\lab\\plate 7\\A01.tif"),
        ("//nas/lab", "\\\\nas\\lab\\plate 7\\A01.tif"),
        ("/", "/plate 7/A01.tif"),
    ],
)
def test_a_path_there_is_one_here(plates: Path, there: str, path: str) -> None:
    assert PathMap.of([f"{there}={plates}"]).here(path) == str(plates / "plate 7" / "A01.tif")


@pytest.mark.parametrize(
    "path",
    ["/data/plates2/A01.tif", "/Data/plates/A01.tif", "data/plates/A01.tif", "Z:/data/plates/A01.tif", ""],
)
def test_what_no_folder_fits_is_nowhere(plates: Path, path: str) -> None:
    assert PathMap.of([f"/data/plates={plates}"]).here(path) is None


def test_a_folder_may_have_the_sign_between_in_its_name(tmp_path: Path) -> None:
    known = PathMap.of([f"/data/run=5 Ä={tmp_path}/run=5"])

    assert known.here("/data/run=5 Ä/a.tif") == str(tmp_path / "run=5" / "a.tif")


def test_the_longest_folder_counts(tmp_path: Path) -> None:
    known = PathMap.of([f"/data={tmp_path}/all", f"/data/new={tmp_path}/fresh", f"/data/n={tmp_path}/no"])

    assert known.here("/data/new/a.tif") == str(tmp_path / "fresh" / "a.tif")
    assert known.here("/data/old/a.tif") == str(tmp_path / "all" / "old" / "a.tif")


@pytest.mark.parametrize(
    "path",
    [
        "/data/plates/../secret.tif",
        "/data/plates/a/../../secret.tif",
        "/data/plates/..",
        "/data/plates/a\0b",
    ],
)
def test_no_path_leads_out_of_its_folder(plates: Path, path: str) -> None:
    with pytest.raises(BlockUnavailableError, match="wanted a file below '/data/plates'"):
        PathMap.of([f"/data/plates={plates}"]).here(path)


def test_dots_of_windows_lead_nowhere_either(plates: Path) -> None:
    with pytest.raises(BlockUnavailableError):
        PathMap.of([f"Z:/plates={plates}"]).here("Z:\\plates\\..\\secret.tif")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a permission there")
def test_no_link_leads_out_of_its_folder(plates: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "secret.tif", PIXELS)
    (plates / "link.tif").symlink_to(tmp_path / "secret.tif")
    (plates / "folder").symlink_to(tmp_path)
    (plates / "fine.tif").symlink_to(plates / "plate 7" / "A01.tif")
    known = PathMap.of([f"/data/plates={plates}"])

    for path in ("/data/plates/link.tif", "/data/plates/folder/secret.tif"):
        with pytest.raises(BlockUnavailableError):
            known.here(path)
    assert known.here("/data/plates/fine.tif") == str(plates / "plate 7" / "A01.tif")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a permission there")
def test_the_folder_itself_may_be_a_link(plates: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(plates)

    found = PathMap.of([f"/data={tmp_path / 'link'}"]).here("/data/plate 7/A01.tif")

    assert found == str(plates / "plate 7" / "A01.tif")


@pytest.mark.parametrize("said", ["", "/data", "/data=", "=/here", "data=/here", "/data=here"])
def test_a_pair_that_means_nothing_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="wanted"):
        PathMap.of([said])


def test_a_variable_has_several() -> None:
    assert path_maps(" /a=/b ; Z:/c=/d;") == ["/a=/b", "Z:/c=/d"]


def test_an_image_that_came_as_a_frame_lies_in_the_mapped_file(plates: Path) -> None:
    ready = _ready(FrameRef(frame=1, nbytes=24), "/data/plates/plate 7/A01.tif")

    known = WorkersFile.of(ready, PathMap.of([f"/data/plates={plates}"]))

    assert known is not None
    assert known.is_good()
    memory = memoryview(bytearray(24))
    known.read(memory)  # type: ignore[arg-type]  # as good as a slab
    assert bytes(memory) == PIXELS.tobytes()


def test_without_a_map_another_machines_path_means_nothing(plates: Path) -> None:
    ready = _ready(FrameRef(frame=1, nbytes=24), str(plates / "plate 7" / "A01.tif"))

    assert WorkersFile.of(ready, PathMap()) is None
    assert WorkersFile.of(ready, PathMap.of([f"/data/plates={plates}"])) is None


def test_the_path_of_a_worker_on_this_machine_is_not_mapped(plates: Path) -> None:
    block = BlockRef(segment="hcs-1-0123456789abcdef", generation=1, offset=0, nbytes=24)
    ready = _ready(block, str(plates / "plate 7" / "A01.tif"))

    known = WorkersFile.of(ready, PathMap.of([f"{plates}={plates.parent / 'other'}"]))

    assert known is not None
    assert known.is_good()


@pytest.mark.parametrize("path", ["/data/plates/../x.tif", "/data/plates/missing.tif"])
def test_an_image_is_kept_whatever_its_file_is_called(plates: Path, path: str) -> None:
    ready = _ready(FrameRef(frame=1, nbytes=24), path)

    assert WorkersFile.of(ready, PathMap.of([f"/data/plates={plates}"])) is None


def _ready(pixels: BlockRef | FrameRef, path: str) -> ImageReady:
    return ImageReady(sequence=1, spec=SPEC, pixels=pixels, file=FileRef(path=path))
