"""One viewer's configuration: its fields, what it refuses, and what it lets through."""

import copy
import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

from hcs_protocol import COMPONENTS, Components, DisplayConfiguration, Step
from hcs_stream import Overflow
from hcs_stream.config import (
    ConfigurationError,
    InvalidSettingError,
    NapariColormap,
    NapariDimensionMode,
    NapariDisplayConfig,
    NapariStreamingConfig,
    NapariVariableSizeHandling,
    StreamingConfig,
    UnknownSettingError,
)


def test_a_pipeline_written_for_the_original_finds_its_fields_and_defaults() -> None:
    config = NapariStreamingConfig()

    assert (config.napari_port, config.napari_host) == (5555, "localhost")
    assert (config.enabled, config.persistent, config.replace_layers) == (True, True, False)
    assert config.well_filter is None
    assert config.colormap is NapariColormap.GRAY
    assert config.variable_size_handling is NapariVariableSizeHandling.SEPARATE_LAYERS
    modes = {name: getattr(config, f"{name}_mode") for name in COMPONENTS}
    stacked = dict.fromkeys(COMPONENTS, NapariDimensionMode.STACK)
    assert modes == stacked | {"channel": NapariDimensionMode.SLICE}


def test_it_is_both_a_streaming_and_a_display_configuration() -> None:
    assert NapariStreamingConfig.__bases__ == (StreamingConfig, NapariDisplayConfig)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        NapariStreamingConfig().napari_port = 5556  # type: ignore[misc]  # that is the point


def test_a_changed_copy_is_made_by_replacing() -> None:
    changed = dataclasses.replace(
        NapariStreamingConfig(site_mode=NapariDimensionMode.SLICE), napari_port=5600
    )

    assert (changed.napari_port, changed.site_mode) == (5600, NapariDimensionMode.SLICE)


def test_equal_ones_are_one_in_a_set_and_in_another_process() -> None:
    one, other = (NapariStreamingConfig(well_filter=["A01", "B*"], step_filter=[1, "blur"]) for _ in range(2))
    one.accepts((1, "blur"), {"well": "A01"})
    one.display()

    assert {one, other, pickle.loads(pickle.dumps(one)), copy.deepcopy(one)} == {other}


@pytest.mark.parametrize("said", ["stack", "STACK", NapariDimensionMode.STACK])
def test_a_mode_is_said_in_any_way(said: Any) -> None:
    assert NapariStreamingConfig(channel_mode=said).channel_mode is NapariDimensionMode.STACK


@pytest.mark.parametrize("said", ["bop blue", "BOP_BLUE", "Bop Blue", NapariColormap.BOP_BLUE])
def test_a_colormap_is_said_in_any_way(said: str) -> None:
    config = NapariStreamingConfig(colormap=said)

    assert config.colormap is NapariColormap.BOP_BLUE
    assert config.display().colormap == "bop blue"


def test_without_a_colormap_the_viewer_chooses() -> None:
    assert NapariStreamingConfig(colormap=None).display().colormap is None


def test_a_viewer_is_told_how_to_show_images() -> None:
    config = NapariStreamingConfig(
        colormap=None, contrast_limits=(0, 500), well_mode=NapariDimensionMode.SLICE, replace_layers=True
    )

    wanted = DisplayConfiguration(
        contrast_limits=(0.0, 500.0), well_mode=NapariDimensionMode.SLICE, replace_layers=True
    )
    assert config.display() == wanted
    assert config.display() is config.display()


def test_a_misspelt_field_is_refused_with_the_right_one() -> None:
    with pytest.raises(UnknownSettingError, match=r"no 'napari_prot': did you mean 'napari_port'\?"):
        NapariStreamingConfig(napari_prot=5556)  # type: ignore[call-arg]  # that is the point


def test_a_name_like_none_of_ours_is_refused_with_all_of_them() -> None:
    with pytest.raises(TypeError, match="no 'xyzzy': wanted one of channel_filter, channel_mode"):
        NapariStreamingConfig(xyzzy=1)  # type: ignore[call-arg]  # that is the point


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("napari_port", 70_000, "wanted as napari_port a data port from 1024 to 64535, found 70000"),
        ("napari_port", "5556", "wanted as napari_port a whole number, found '5556'"),
        ("napari_port", True, "a whole number"),
        ("napari_port", None, "a whole number"),
        ("napari_host", "", "a text that says something"),
        ("enabled", "yes", "wanted as enabled true or false, found 'yes'"),
        ("enabled", 1, "true or false"),
        ("persistent", None, "true or false"),
        ("channel_mode", "stak", r"one of slice, stack \(did you mean 'stack'\?\), found 'stak'"),
        ("variable_size_handling", "pad", "one of separate_layers, pad_to_max"),
        ("colormap", "virids", r"did you mean 'viridis'\?"),
        ("colormap", 3, "one of blue, .* or nothing"),
        ("contrast_limits", (5, 1), "two grey values that rise"),
        ("contrast_limits", (5,), "two numbers or nothing"),
        ("stream", "some", "one of all, materialised, none"),
        ("overflow", "blok", r"spill, block, block\(seconds\), drop_oldest or latest"),
        ("well_filter", "A00", "wanted as well_filter a well 'B03'"),
        ("well_filter", [], "a well 'B03'"),
        ("well_filter", 3, "wanted as well_filter"),
        ("step_filter", -1, "wanted as step_filter an index"),
        ("channel_filter", "", "wanted as channel_filter a name"),
        ("viewer_command", [], "a text that says something"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_what_was_wanted(
    field: str, value: object, wanted: str
) -> None:
    with pytest.raises(InvalidSettingError, match=wanted) as caught:
        NapariStreamingConfig(**{field: value})  # type: ignore[arg-type]  # that is the point

    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert isinstance(caught.value, ConfigurationError | ValueError)


def test_everything_is_accepted_by_default() -> None:
    assert NapariStreamingConfig().accepts()
    assert NapariStreamingConfig().accepts((1, "blur"), {"well": "A01", "channel": 3})


@pytest.mark.parametrize("off", [{"enabled": False}, {"stream": "none"}])
def test_what_is_switched_off_accepts_nothing(off: dict[str, Any]) -> None:
    assert not NapariStreamingConfig(**off).accepts((1, "blur"), {"well": "A01"})


def test_an_image_passes_all_filters_or_is_not_accepted() -> None:
    config = NapariStreamingConfig(well_filter="A*", step_filter="1-2", channel_filter="DAPI")
    passing: dict[str, object] = {"well": "a1", "channel": "dapi", "site": 3}

    assert config.accepts((2, "blur"), passing)
    assert config.accepts(Step(index=1, name="blur"), Components(well="A01", channel="DAPI"))
    assert not config.accepts((3, "mask"), passing)
    assert not config.accepts(None, passing)
    assert not config.accepts((2, "blur"), passing | {"well": "B01"})
    assert not config.accepts((2, "blur"), passing | {"channel": "GFP"})
    assert not config.accepts((2, "blur"), {"well": "A01"})
    assert not config.accepts((2, "blur"))


def test_a_step_is_said_as_to_a_stream() -> None:
    config = NapariStreamingConfig(step_filter=[2, "blur"])

    assert config.accepts((np.int64(2), "mask"))
    assert config.accepts("blur")
    assert not config.accepts("mask")
    assert not config.accepts((1, "mask"))


def test_numbers_and_texts_of_other_libraries_are_values() -> None:
    config = NapariStreamingConfig(
        napari_port=np.int64(5600),  # type: ignore[arg-type]  # that is the point
        enabled=np.bool_(False),  # type: ignore[arg-type]
        step_filter=[np.int64(1), np.str_("blur")],  # type: ignore[list-item]
        well_filter={"B01", "A01"},  # type: ignore[arg-type]
    )

    assert config == NapariStreamingConfig(
        napari_port=5600, enabled=False, step_filter=[1, "blur"], well_filter=["A01", "B01"]
    )


@pytest.mark.parametrize("said", [Overflow("block", 2.0), {"policy": "block", "timeout": 2}, "block(2)"])
def test_an_overflow_is_said_in_any_way(said: Any) -> None:
    assert Overflow.of(NapariStreamingConfig(overflow=said).overflow or "") == Overflow("block", 2.0)


def test_two_viewers_get_what_their_filters_say_and_nothing_else() -> None:
    steps = NapariStreamingConfig(step_filter=[1, 2])
    row = NapariStreamingConfig(napari_port=5556, well_filter="A*", channel_mode=NapariDimensionMode.STACK)

    reached = {
        (index, well): [
            config.napari_port for config in (steps, row) if config.accepts((index, ""), {"well": well})
        ]
        for index in (1, 3)
        for well in ("A12", "B01")
    }

    assert reached == {(1, "A12"): [5555, 5556], (1, "B01"): [5555], (3, "A12"): [5556], (3, "B01"): []}


def test_it_connects_to_its_viewer(viewer: Any) -> None:
    config = NapariStreamingConfig(
        napari_port=viewer.connection.data_port, colormap="magma", overflow="drop_oldest"
    )

    with config.connect(run="r1") as stream:
        stream.send(np.zeros((4, 5), np.uint8), well="A01")
        stream.flush()

    assert (stream.run, stream.overflow) == ("r1", Overflow("drop_oldest"))
    assert [item.display for item, _ in viewer.arrived] == [DisplayConfiguration(colormap="magma")]


def test_it_says_where_its_values_come_from() -> None:
    assert NapariStreamingConfig().explain("napari_port") == "5555, from the pipeline"
