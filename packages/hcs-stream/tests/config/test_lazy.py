"""Unset fields inherit, and say from where."""

import copy
import dataclasses
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import ModuleType
from typing import Any

import pytest

from hcs_stream.config import (
    UNSET,
    ConfigurationError,
    InvalidSettingError,
    LazyNapariDisplayConfig,
    LazyNapariStreamingConfig,
    LazyStreamingConfig,
    Level,
    NapariDimensionMode,
    NapariDisplayConfig,
    NapariStreamingConfig,
    StreamingConfig,
    UnknownSettingError,
    lazy_twin,
    resolve,
    resolve_all,
    use_streaming,
)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HCS_DATA_PORT", "HCS_CONFIG", "HCS_OVERFLOW", "HCS_VIEWER_COMMAND"):
        monkeypatch.delenv(name, raising=False)


PIPELINE = NapariStreamingConfig(napari_port=5600, well_filter="A*")
STEP = LazyNapariStreamingConfig(channel_mode=NapariDimensionMode.STACK, well_filter=None)
FUNCTION = LazyNapariStreamingConfig(napari_port=5700)


@pytest.mark.parametrize(
    ("twin", "concrete"),
    [
        (LazyStreamingConfig, StreamingConfig),
        (LazyNapariDisplayConfig, NapariDisplayConfig),
        (LazyNapariStreamingConfig, NapariStreamingConfig),
    ],
)
def test_a_twin_has_the_same_fields_and_all_are_unset(twin: Any, concrete: Any) -> None:
    fields = {field.name: field.default for field in dataclasses.fields(twin)}

    assert fields == {field.name: UNSET for field in dataclasses.fields(concrete)}
    assert twin().given() == {}


def test_fields_come_from_the_innermost_that_sets_them() -> None:
    config = resolve(FUNCTION, STEP, PIPELINE)

    assert config.napari_port == 5700
    assert config.channel_mode is NapariDimensionMode.STACK
    assert config.napari_host == "localhost"
    assert type(config) is NapariStreamingConfig


def test_none_that_was_said_is_a_value() -> None:
    assert resolve(STEP, PIPELINE).well_filter is None
    assert resolve(FUNCTION, PIPELINE).well_filter == "A*"


def test_what_nobody_sets_is_the_default() -> None:
    assert resolve() == NapariStreamingConfig()
    assert resolve(None, LazyNapariStreamingConfig(), None) == NapariStreamingConfig()


def test_a_concrete_configuration_leaves_nothing_to_inherit() -> None:
    assert resolve(NapariStreamingConfig(), PIPELINE) == NapariStreamingConfig()


def test_the_environment_is_the_default_of_lazy_ones_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_DATA_PORT", "5900")

    assert resolve(STEP).napari_port == 5900
    assert resolve(STEP, PIPELINE).napari_port == 5600
    assert STEP.explain("napari_port") == "5900, from HCS_DATA_PORT"


def test_a_field_says_where_its_value_comes_from() -> None:
    step = LazyNapariStreamingConfig(site_mode="slice")
    pipeline = LazyNapariStreamingConfig(napari_port=5555)

    assert step.explain("napari_port", pipeline) == "5555, from the pipeline"
    assert step.explain("site_mode", pipeline) == "slice, from the step"
    assert step.explain("persistent", pipeline) == "True, from the defaults"
    assert FUNCTION.explain("napari_port", step, pipeline) == "5700, from the function"
    assert FUNCTION.explain("site_mode", None, pipeline) == "stack, from the defaults"


def test_a_resolved_configuration_remembers_where_its_values_came_from() -> None:
    config = pickle.loads(pickle.dumps(resolve(FUNCTION, STEP, PIPELINE)))

    assert config.explain("napari_port") == "5700, from the function"
    assert config.explain("channel_mode") == "stack, from the step"
    assert LazyNapariStreamingConfig().explain("napari_host", config) == "localhost, from the pipeline"


def test_a_level_can_have_a_name_of_its_own() -> None:
    assert STEP.explain("napari_port", Level("screen", PIPELINE)) == "5600, from the screen"


def test_within_others_in_use_they_are_the_levels_around() -> None:
    with use_streaming(PIPELINE):
        assert STEP.explain("napari_port") == "5600, from the pipeline"
        assert STEP.explain("channel_mode") == "stack, from the step"


def test_a_window_shows_what_unset_fields_inherit() -> None:
    shown = STEP.placeholders(PIPELINE)

    assert str(shown["napari_port"]) == "5600, from the pipeline"
    assert shown["napari_port"].value == 5600
    assert not shown.keys() & {"channel_mode", "well_filter"}
    assert STEP.placeholder("well_filter", PIPELINE).value == "A*"


def test_no_field_of_that_name_is_explained() -> None:
    with pytest.raises(UnknownSettingError, match="did you mean 'napari_port'"):
        STEP.explain("napari_prt", PIPELINE)
    with pytest.raises(UnknownSettingError, match="did you mean 'site_mode'"):
        STEP.placeholder("sight_mode", PIPELINE)


def test_a_misspelt_field_is_refused_with_the_right_one() -> None:
    with pytest.raises(UnknownSettingError, match="did you mean 'well_filter'"):
        LazyNapariStreamingConfig(wel_filter="A01")


def test_a_value_that_cannot_be_is_refused_at_once() -> None:
    with pytest.raises(InvalidSettingError, match="wanted as napari_port a data port"):
        LazyNapariStreamingConfig(napari_port=80)


def test_it_is_frozen_and_shows_what_is_set() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FUNCTION.napari_port = 1
    assert repr(FUNCTION) == "LazyNapariStreamingConfig(napari_port=5700)"


def test_a_streaming_configuration_of_any_viewer_stands_between() -> None:
    step = LazyStreamingConfig(enabled=False)

    config = resolve(step, PIPELINE)

    assert (config.enabled, config.napari_port) == (False, 5600)
    assert step.resolve() == StreamingConfig(enabled=False)


def test_copies_are_equal_and_unset_stays_unset() -> None:
    copies = {STEP, pickle.loads(pickle.dumps(STEP)), copy.deepcopy(STEP)}

    assert copies == {STEP}
    assert all(one.napari_port is UNSET for one in copies)


def test_a_configuration_resolves_in_another_process() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        config = pool.submit(resolve, FUNCTION, STEP, PIPELINE).result(50)

    assert config == resolve(FUNCTION, STEP, PIPELINE)
    assert config.explain("channel_mode") == "stack, from the step"


def test_a_subclass_of_ones_own_is_resolved_as_such() -> None:
    own = dataclasses.dataclass(frozen=True, kw_only=True)(
        type("OwnConfig", (NapariStreamingConfig,), {"__annotations__": {"note": str}, "note": "-"})
    )
    lazy = lazy_twin(own)

    config: Any = resolve(lazy(note="mine"), PIPELINE)  # type: ignore[call-arg]  # it has the field

    assert (type(config), config.note, config.napari_port) == (own, "mine", 5600)


def test_a_default_that_is_made_anew_is_one_too() -> None:
    own = dataclasses.make_dataclass(
        "MadeConfig",
        [("notes", tuple[str, ...], dataclasses.field(default_factory=lambda: ("new",)))],
        bases=(StreamingConfig,),
        frozen=True,
        kw_only=True,
    )

    assert lazy_twin(own)().resolve().notes == ("new",)


def test_no_other_object_is_a_level() -> None:
    with pytest.raises(ConfigurationError, match="wanted one configuration or None, found 5555"):
        resolve(5555)  # type: ignore[arg-type]  # that is the point


def test_several_viewers_each_take_what_a_step_says() -> None:
    viewers = [NapariStreamingConfig(), NapariStreamingConfig(napari_port=5556)]

    found = resolve_all(FUNCTION, LazyNapariStreamingConfig(site_mode="slice"), [PIPELINE])
    both = resolve_all(None, LazyNapariStreamingConfig(site_mode="slice"), viewers)

    assert [(one.napari_port, one.site_mode.value) for one in found] == [(5700, "slice")]
    assert [(one.napari_port, one.site_mode.value) for one in both] == [(5555, "slice"), (5556, "slice")]


def test_a_concrete_configuration_stands_in_place_of_all_viewers_around() -> None:
    own = NapariStreamingConfig(napari_port=5700)

    assert resolve_all(own, [NapariStreamingConfig(), PIPELINE]) == (own,)
    assert resolve_all([own, PIPELINE], NapariStreamingConfig()) == (own, PIPELINE)


def test_several_lazy_ones_stand_each_within_its_own() -> None:
    inner = [LazyNapariStreamingConfig(viewer_title="a"), LazyNapariStreamingConfig(viewer_title="b")]
    viewers = [NapariStreamingConfig(), NapariStreamingConfig(napari_port=5556)]

    pairs = [(one.napari_port, one.viewer_title) for one in resolve_all(inner, viewers)]
    copies = [(one.napari_port, one.viewer_title) for one in resolve_all(inner, PIPELINE)]

    assert pairs == [(5555, "a"), (5556, "b")]
    assert copies == [(5600, "a"), (5600, "b")]
    with pytest.raises(ConfigurationError, match="as many as the 2 around it, found 3"):
        resolve_all([*inner, STEP], viewers)


def test_nothing_said_is_no_viewer_and_a_step_may_have_one_alone() -> None:
    assert resolve_all(None, None, None) == ()
    assert resolve_all(None, STEP, None)[0].explain("channel_mode") == "stack, from the step"
    assert resolve_all(None, [], PIPELINE) == ()


def test_a_lazy_configuration_goes_to_a_process_whatever_its_sender_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main = ModuleType("__mp_main__")
    vars(main)["UNSET"] = UNSET  # from hcs_stream.config import *
    modules = {"__mp_main__": main, **sys.modules}
    monkeypatch.setattr(sys, "modules", modules)
    sent = pickle.dumps(LazyNapariStreamingConfig(napari_port=5601))

    assert b"__mp_main__" not in sent
    assert pickle.loads(sent) == LazyNapariStreamingConfig(napari_port=5601)
    assert pickle.loads(sent).given() == {"napari_port": 5601}
