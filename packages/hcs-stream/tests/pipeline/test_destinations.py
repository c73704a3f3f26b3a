"""Which viewers get which results."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcs_protocol import DimensionMode, ImageReady, RunEnded, RunStarted, StepProgress
from hcs_stream.config import LazyNapariStreamingConfig, NapariDimensionMode, NapariStreamingConfig
from hcs_stream.microscopes import Plate
from hcs_stream.pipeline import Pipeline, PipelineConfig, RunReport, Step, lend

Pixels = Any
MakePlate = Callable[..., Plate]
LAYERS = NapariDimensionMode.SLICE


def same(image: Pixels) -> Pixels:
    return image


def doubled(image: Pixels, factor: int = 2) -> Pixels:
    return image * np.uint16(factor)


def to(viewer: Any, **settings: object) -> NapariStreamingConfig:
    return NapariStreamingConfig(napari_port=viewer.connection.data_port, **settings)  # type: ignore[arg-type]


def images(viewer: Any) -> list[ImageReady]:
    return [item for item, _ in viewer.arrived if isinstance(item, ImageReady)]


def shown(viewer: Any) -> set[tuple[int, str | None, object]]:
    """Return step, well and channel of what arrived."""
    addresses = [image.address for image in images(viewer)]
    return {(a.step.index, a.components.well, a.components.channel) for a in addresses if a.step}


def run(plate: Plate, steps: list[Step], *streaming: NapariStreamingConfig, **how: Any) -> RunReport:
    pipeline = Pipeline(steps, PipelineConfig(napari_streaming=streaming))
    return pipeline.run(plate, executor="serial", **how)


def test_two_viewers_each_get_what_their_filters_let_through_and_nothing_else(
    make_plate: MakePlate, new_viewer: Callable[..., Any]
) -> None:
    first, second = new_viewer(), new_viewer()
    steps = [Step(same, "one"), Step(same, "two"), Step(same, "three")]

    report = run(
        make_plate(["A01", "A02", "B01"], channels=2),
        steps,
        to(first, step_filter=(1, 2)),
        to(second, well_filter="A*", channel_mode=NapariDimensionMode.STACK),
    )

    wells, channels = ("A01", "A02", "B01"), ("1", "2")
    assert shown(first) == {(step, well, c) for step in (1, 2) for well in wells for c in channels}
    assert shown(second) == {(step, well, c) for step in (1, 2, 3) for well in wells[:2] for c in channels}
    assert (len(images(first)), len(images(second))) == (12, 12)
    assert report.images_published == 16
    assert {image.display.channel_mode for image in images(first)} == {DimensionMode.SLICE}
    assert {image.display.channel_mode for image in images(second)} == {DimensionMode.STACK}


def test_a_viewer_hears_nothing_of_steps_and_wells_that_it_does_not_get(
    make_plate: MakePlate, new_viewer: Callable[..., Any]
) -> None:
    first, second = new_viewer(), new_viewer()

    run(
        make_plate(["A01", "B01"]),
        [Step(same, "one"), Step(same, "two")],
        to(first, step_filter=1),
        to(second, well_filter="A*"),
    )

    news = {viewer: [item for item, _ in viewer.arrived] for viewer in (first, second)}
    assert {item.step.index for item in news[first] if isinstance(item, StepProgress)} == {1}
    assert {item.well for item in news[second] if isinstance(item, StepProgress)} == {"A01"}
    started = [
        next(item for item in news[viewer] if isinstance(item, RunStarted)) for viewer in (first, second)
    ]
    assert [len(item.steps) for item in started] == [1, 2]
    assert [item.wells for item in started] == [["A01", "B01"], ["A01"]]
    assert all(isinstance(items[-1], RunEnded) for items in news.values())


def test_a_channel_filter_lets_images_of_these_channels_through(make_plate: MakePlate, viewer: Any) -> None:
    run(make_plate(["A01"], channels=3), [Step(same)], to(viewer, channel_filter=["2", "3"]))

    assert shown(viewer) == {(1, "A01", "2"), (1, "A01", "3")}


def test_one_viewer_of_two_configurations_gets_each_image_once(make_plate: MakePlate, viewer: Any) -> None:
    report = run(make_plate(["A01", "B01"]), [Step(same)], to(viewer, well_filter="A*"), to(viewer))

    assert (len(images(viewer)), report.images_published) == (2, 2)


def test_a_function_says_it_over_its_step_and_that_over_the_pipeline(
    make_plate: MakePlate, viewer: Any
) -> None:
    step_says = LazyNapariStreamingConfig(well_mode=LAYERS, site_mode=LAYERS)
    function_says = LazyNapariStreamingConfig(site_mode=NapariDimensionMode.STACK)
    steps = [
        Step((doubled, {"factor": 3, "napari_streaming": function_says}), streaming=step_says),
        Step(same),
    ]

    run(make_plate(["A01"]), steps, to(viewer, timepoint_mode=LAYERS))

    first, second = (image.display for image in images(viewer))
    assert (first.timepoint_mode, first.well_mode, first.site_mode) == ("slice", "slice", "stack")
    assert (second.timepoint_mode, second.well_mode, second.site_mode) == ("slice", "stack", "stack")
    assert np.frombuffer(viewer.pixels()[0], "<u2")[0] == 3 * 110


def test_a_step_can_be_the_only_one_that_is_streamed(make_plate: MakePlate, viewer: Any) -> None:
    steps = [Step(same), Step(same, streaming=to(viewer)), Step(same)]

    run(make_plate(["A01"]), steps)

    assert shown(viewer) == {(2, "A01", "1")}


def test_a_step_streams_what_it_materialises_unless_it_says_otherwise(
    make_plate: MakePlate, viewer: Any
) -> None:
    steps = [
        Step(same, "kept"),
        Step(same, "passing", materialise=False),
        Step(same, "looked at", materialise=False, stream="all"),
        Step(same, "private", stream="none"),
    ]

    run(make_plate(["A01"]), steps, to(viewer))

    assert {step for step, _, _ in shown(viewer)} == {1, 3}


def test_a_volume_goes_as_one_image_that_begins_at_its_first_plane(
    make_plate: MakePlate, viewer: Any
) -> None:
    report = run(make_plate(["A01"], planes=3), [Step(same, group_by="z_index")], to(viewer))

    (image,) = images(viewer)
    assert (image.spec.shape, image.address.components.z_index) == ((3, 4, 5), 1)
    assert report.images_published == 1


def test_results_that_went_to_disk_or_ome_ngff_tell_viewers_where_they_lie(
    make_plate: MakePlate, viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [Step(same, "files", materialise="disk"), Step(same, "plate")]

    run(make_plate(["A01"], planes=2), steps, to(viewer), output=tmp_path / "out")

    files = [image.file for image in images(viewer)]
    assert all(file is not None and Path(file.path).exists() for file in files)


def test_a_function_may_compute_into_what_the_viewers_read(make_plate: MakePlate, viewer: Any) -> None:
    def plus_one(image: Pixels) -> Pixels:
        made = lend(image.shape, image.dtype)
        np.add(image, 1, out=made)
        return made

    report = run(make_plate(["A01"]), [Step(plus_one)], to(viewer))

    assert report.failures == {}
    assert np.frombuffer(viewer.pixels()[0], "<u2")[0] == 111


def test_an_error_names_well_step_and_image_and_the_run_ends_as_failed(
    make_plate: MakePlate, viewer: Any
) -> None:
    def picky(image: Pixels) -> Pixels:
        if image[0, 0] == 211:
            raise ValueError("too bright")
        return image

    report = run(make_plate(["A01"], sites=2, planes=1), [Step(same), Step(picky)], to(viewer))

    assert report.failures == {
        "A01": "step 2 'picky', plate Assay, well A01, site 2, channel 1, z_index 1: ValueError: too bright"
    }
    assert "in picky" in report.tracebacks["A01"]
    assert viewer.arrived[-1][0].state == "failed"
    assert report.images_published == 3


@pytest.mark.parametrize(
    ("said", "colormap"), [(None, None), ("magma", "magma"), ("gray", "gray"), ("none", None)]
)
def test_a_pipeline_without_a_configuration_shows_colours_unless_the_environment_says_one(
    said: str | None,
    colormap: str | None,
    make_plate: MakePlate,
    new_viewer: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer = new_viewer()
    monkeypatch.setenv("HCS_NAPARI_PORT", str(viewer.connection.data_port))
    if said:
        monkeypatch.setenv("HCS_COLORMAP", said)

    Pipeline([Step(same)]).run(make_plate(["A01"]), executor="serial")

    [image] = images(viewer)
    assert image.display is not None
    assert image.display.colormap == colormap
