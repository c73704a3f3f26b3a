"""What callers say about an image, and what becomes of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcs_protocol import (
    Components,
    FileRef,
    FrameRef,
    ImageAddress,
    ImageReady,
    ImageSpec,
    InvalidComponentError,
    RunStarted,
    Step,
)
from hcs_stream._addresses import (
    as_components,
    as_step,
    check_item,
    check_keywords,
    components_of,
    file_ref,
)


def test_nothing_has_to_be_said() -> None:
    address = ImageAddress(run="run", step=as_step(None), components=components_of({}))

    assert (address.run, address.step, address.components) == ("run", None, Components())


def test_all_components_arrive() -> None:
    said = {"plate": "P1", "well": "A01", "site": 1, "channel": "DAPI", "z_index": 3, "timepoint": 2}

    assert as_components(said) == Components(**said)


@pytest.mark.parametrize(
    ("said", "kept"), [("a1", "A01"), ("AF48", "AF48"), ("B003", "B03"), ("r02c03", "r02c03")]
)
def test_a_well_has_one_spelling_and_other_texts_are_kept(said: str, kept: str) -> None:
    assert as_components({"well": said}).well == kept


@pytest.mark.parametrize("number", [np.int64(7), np.uint8(7), np.array(7), 7])
def test_integers_of_any_library_become_int(number: Any) -> None:
    site = as_components({"site": number}).site

    assert (site, type(site)) == (7, int)


def test_numpy_texts_become_str() -> None:
    assert type(as_components({"channel": np.str_("DAPI")}).channel) is str


@pytest.mark.parametrize("value", [True, np.True_, 1.0, np.float32(2), [1], b"A01", 1 << 63])
def test_what_is_neither_text_nor_a_64_bit_integer_is_refused(value: Any) -> None:
    with pytest.raises(InvalidComponentError, match="site"):
        as_components({"site": value})


def test_a_number_as_plate_is_its_text() -> None:
    assert as_components({"plate": 12}).plate == "12"


def test_a_component_that_no_plate_has_is_refused() -> None:
    with pytest.raises(InvalidComponentError, match="wel"):
        as_components({"wel": "A01"})


def test_a_misspelt_keyword_is_refused() -> None:
    with pytest.raises(TypeError, match="z_indx"):
        check_keywords({"z_indx": 1})


@pytest.mark.parametrize(
    ("said", "step"),
    [
        (None, None),
        ("blur", Step(index=0, name="blur")),
        ((2, "blur"), Step(index=2, name="blur")),
        ((np.int32(2), "blur"), Step(index=2, name="blur")),
        (Step(index=3, name="x"), Step(index=3, name="x")),
    ],
)
def test_a_step_is_said_in_any_of_these_ways(said: Any, step: Step | None) -> None:
    assert as_step(said) == step


@pytest.mark.parametrize("said", [2, ("blur", 2), (1.5, "blur"), (True, "blur"), (1, "a", "b")])
def test_what_is_no_step_is_refused(said: Any) -> None:
    with pytest.raises(InvalidComponentError):
        as_step(said)


def ready(**said: Any) -> ImageReady:
    """An image with this address."""
    spec = ImageSpec(shape=(1, 1), dtype="uint8", pixel_size=said.pop("pixel_size", None))
    return ImageReady(
        sequence=1,
        address=ImageAddress(run="run", step=as_step(said.get("step")), components=components_of(said)),
        spec=spec,
        pixels=FrameRef(frame=1, nbytes=1),
    )


@pytest.mark.parametrize(
    "said",
    [
        {"channel": "\ud800"},
        {"step": (10_000, "x")},
        {"step": (1, "x" * 600)},
        {"pixel_size": (float("nan"), 1.0)},
    ],
)
def test_what_a_viewer_would_call_malformed_is_refused_before_it_is_sent(said: Any) -> None:
    with pytest.raises(InvalidComponentError):
        check_item(ready(**said))


def test_a_declaration_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidComponentError):
        check_item(RunStarted(sequence=1, run="run", sites=list(range(20_001))))


def test_an_ordinary_image_passes() -> None:
    check_item(ready(well="A01", site=1, channel="DAPI", step=(1, "blur"), pixel_size=(0.5, 0.5)))


# Files.


def test_a_file_is_named_by_its_whole_path_and_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert file_ref({"file": "plate.tif", "page": 3}) == FileRef(path=str(tmp_path / "plate.tif"), key=3)
    assert file_ref({"page": 3}) is None


@pytest.mark.parametrize("said", [{"file": "a\udcff.tif"}, {"file": "a.tif", "page": -1}])
def test_a_file_that_no_message_can_name_is_refused(said: Any) -> None:
    with pytest.raises(InvalidComponentError, match="wanted a file's path"):
        file_ref(said)
