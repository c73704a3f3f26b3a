from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcs_protocol import Components, Step
from hcs_stream.config import NapariStreamingConfig, use_streaming
from hcs_stream.storage import FileManager, NotReadableError, StreamingBackend, WrongBatchError

IMAGE = np.arange(12, dtype=np.uint16).reshape(3, 4)
NAMES = ["A01_s1_w1_z1_t1.tif", "B02_s3_w2_z1_t1.tif"]


@pytest.fixture
def filemanager() -> Iterator[FileManager]:
    """One that closes its streams."""
    with FileManager() as filemanager:
        yield filemanager


@pytest.fixture
def stream_to(filemanager: FileManager) -> Callable[..., list[Any]]:
    """Save some images with `napari_stream` and return what the viewer was sent."""

    def stream(viewer: Any, names: list[str], **options: Any) -> list[Any]:
        backend = options.pop("backend", "napari_stream")
        port = viewer.connection.data_port
        filemanager.save_batch([IMAGE] * len(names), names, backend, napari_port=port, **options)
        filemanager.flush()
        return [item for item, _ in viewer.arrived]

    return stream


def test_paths_say_where_on_the_plate_images_belong(viewer: Any, stream_to: Callable[..., list[Any]]) -> None:
    first, second = stream_to(viewer, NAMES, step=(2, "blur"))

    assert first.address.step == Step(index=2, name="blur")
    assert (first.address.components.well, second.address.components.well) == ("A01", "B02")
    assert (second.address.components.site, second.address.components.channel) == (3, "2")


def test_names_that_no_grammar_knows_are_told_apart(viewer: Any, stream_to: Callable[..., list[Any]]) -> None:
    arrived = stream_to(viewer, ["/a/holiday.tif", "/a/ä b.png"])

    assert [item.address.components for item in arrived] == [
        Components(channel="holiday.tif"),
        Components(channel="ä b.png"),
    ]


def test_images_of_one_batch_whose_names_say_one_address_do_not_replace_each_other(
    viewer: Any, stream_to: Callable[..., list[Any]]
) -> None:
    steps = ["/a/A1_01_1_1_DAPI_001.tif", "/a/A1_02_1_1_DAPI_001.tif"]
    arrived = stream_to(viewer, [*steps, "/b/holiday.tif", "/c/holiday.tif", "/d/A1_w1.tif", "/d/A01_w1.tif"])

    assert [item.address.components.channel for item in arrived] == [
        "DAPI (step 1)",
        "DAPI (step 2)",
        "holiday.tif",
        str(Path("/c/holiday.tif")),
        "1",
        "1 (A01_w1.tif)",
    ]


def test_a_display_that_is_a_dictionary_is_an_error_that_says_how_to_say_it(filemanager: FileManager) -> None:
    with pytest.raises(TypeError, match="its fields may be options themselves"):
        filemanager.save(IMAGE, NAMES[0], "napari_stream", display={"colormap": "red"})


def test_components_and_display_are_overridden_by_keyword(
    viewer: Any, stream_to: Callable[..., list[Any]]
) -> None:
    known = [{"well": "C03"}, {"well": "C04"}]
    items = stream_to(viewer, NAMES, components=known, plate="P9", channel_mode="stack", pixel_size=0.3)

    assert [item.address.components.well for item in items] == ["C03", "C04"]
    assert {item.address.components.plate for item in items} == {"P9"}
    assert {item.display.channel_mode for item in items} == {"stack"}
    assert {item.spec.pixel_size for item in items} == {(0.3, 0.3)}


def test_the_active_configuration_says_what_is_sent_and_where_to(
    viewer: Any, filemanager: FileManager
) -> None:
    port = viewer.connection.data_port

    with use_streaming(NapariStreamingConfig(napari_port=port, well_filter="B*", colormap="magma")):
        filemanager.save_batch([IMAGE, IMAGE], NAMES, "napari_stream")
    with use_streaming(NapariStreamingConfig(napari_port=port, enabled=False)):
        filemanager.save_batch([IMAGE, IMAGE], NAMES, "napari_stream")
    filemanager.flush()

    [(item, _)] = viewer.arrived
    assert (item.address.components.well, item.display.colormap) == ("B02", "magma")


@pytest.mark.parametrize("kept", ["disk", "zarr"])
def test_what_is_kept_and_streamed_in_one_call_carries_where_it_lies(
    kept: str, viewer: Any, stream_to: Callable[..., list[Any]], tmp_path: Path
) -> None:
    items = stream_to(viewer, [str(tmp_path / name) for name in NAMES], backend=["napari_stream", kept])

    assert all(Path(item.file.path).is_file() for item in items)
    assert len({item.file.path for item in items}) == len(NAMES)


def test_it_only_streams() -> None:
    filemanager = FileManager()

    assert isinstance(filemanager.backend("napari_stream"), StreamingBackend)
    for read in (filemanager.load, filemanager.exists, filemanager.list_images, filemanager.delete):
        with pytest.raises(NotReadableError, match="only streams"):
            read("a.tif", "napari_stream")
    with pytest.raises(NotReadableError):
        filemanager.load_batch(["a.tif"], "napari_stream")
    filemanager.ensure_directory("/nowhere", "napari_stream")


def test_wrong_options_are_errors_before_anything_is_sent(filemanager: FileManager) -> None:
    with pytest.raises(TypeError, match="did you mean 'napari_port'"):
        filemanager.save_batch([IMAGE], NAMES[:1], "napari_stream", napari_prt=5)
    with pytest.raises(WrongBatchError, match="components for each of 2"):
        filemanager.save_batch([IMAGE] * 2, NAMES, "napari_stream", components=[{}])
