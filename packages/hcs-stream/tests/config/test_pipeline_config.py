"""A pipeline's configuration, from code, a file and the environment."""

import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from hcs_stream.config import (
    ConfigurationError,
    InvalidSettingError,
    LazyNapariStreamingConfig,
    NapariColormap,
    NapariStreamingConfig,
    PipelineConfig,
    UnknownSettingError,
    active_streaming,
    load_config,
    resolve,
    resolve_all,
)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HCS_DATA_PORT", "HCS_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a pipeline, mine.toml"


def viewer_of(config: PipelineConfig) -> NapariStreamingConfig:
    [viewer] = config.streaming()
    return viewer


def test_a_pipeline_streams_nowhere_until_it_is_said() -> None:
    assert PipelineConfig().streaming() == ()


def test_one_viewer_or_several_are_said() -> None:
    one, other = NapariStreamingConfig(), LazyNapariStreamingConfig(napari_port=5556)

    several = PipelineConfig(napari_streaming=[one, other])

    assert PipelineConfig(napari_streaming=one).streaming() == (one,)
    assert [viewer.napari_port for viewer in several.streaming()] == [5555, 5556]
    assert hash(several) == hash(pickle.loads(pickle.dumps(several)))


def test_a_step_and_a_function_say_otherwise() -> None:
    config = PipelineConfig(napari_streaming=NapariStreamingConfig(napari_port=5600))

    [viewer] = config.streaming(
        LazyNapariStreamingConfig(site_mode="slice"), LazyNapariStreamingConfig(persistent=False)
    )

    assert (viewer.napari_port, viewer.site_mode.value, viewer.persistent) == (5600, "slice", False)
    assert viewer.explain("persistent") == "False, from the function"


def test_it_stands_for_its_viewers_where_one_or_several_are_wanted() -> None:
    one = PipelineConfig(napari_streaming=NapariStreamingConfig(napari_port=5600))
    two = PipelineConfig(napari_streaming=[NapariStreamingConfig(), NapariStreamingConfig(napari_port=5556)])
    step = LazyNapariStreamingConfig(site_mode="slice")

    assert step.explain("napari_port", one) == "5600, from the pipeline"
    assert resolve(step, PipelineConfig()).napari_port == 5555
    assert [viewer.napari_port for viewer in resolve_all(step, two)] == [5555, 5556]
    with pytest.raises(ConfigurationError, match="wanted one configuration or None, found"):
        resolve(step, two)
    with pytest.raises(ConfigurationError, match="wanted a configuration, several or None, found 5555"):
        resolve_all(step, 5555)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    "wrong", [{"workers": 0}, {"workers": "4"}, {"napari_streaming": 5555}, {"napari_streaming": [None]}]
)
def test_a_value_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettingError, match=f"wanted as {next(iter(wrong))}"):
        PipelineConfig(**wrong)


def test_a_misspelt_setting_of_a_pipeline_is_refused() -> None:
    with pytest.raises(UnknownSettingError, match="did you mean 'napari_streaming'"):
        PipelineConfig(napari_stream=None)  # type: ignore[call-arg]  # that is the point


def test_a_file_says_it_all(file: Path) -> None:
    file.write_text(
        """
        workers = 3
        [napari_streaming]
        napari_port = 5600
        well_filter = ["A*", "B01-C03"]
        step_filter = [1, "blur"]
        channel_mode = "STACK"
        colormap = "none"
        contrast_limits = [0, 500]
        overflow = "block(2.5)"
        """
    )

    config = load_config(file, {})
    viewer = viewer_of(config)

    assert config.workers == 3
    assert (viewer.napari_port, viewer.well_filter) == (5600, ("A*", "B01-C03"))
    assert (viewer.step_filter, viewer.channel_mode.value) == ((1, "blur"), "stack")
    assert (viewer.colormap, viewer.contrast_limits) == (None, (0.0, 500.0))
    assert viewer.explain("napari_port") == f"5600, from {file}"
    assert viewer.explain("enabled") == "True, from the defaults"


def test_a_file_may_have_several_viewers(file: Path) -> None:
    file.write_text("[[napari_streaming]]\n[[napari_streaming]]\nnapari_port = 5556\nwell_filter = 'A*'\n")

    viewers = load_config(file, {"HCS_NAPARI_PORT": "5900", "HCS_SITE_MODE": "slice"}).streaming()

    assert [(one.napari_port, one.well_filter) for one in viewers] == [(5900, None), (5556, "A*")]
    assert {one.site_mode.value for one in viewers} == {"slice"}


def test_nothing_said_is_a_pipeline_without_streaming(file: Path) -> None:
    file.write_text("")

    assert load_config(file, {}) == load_config(None, {}) == PipelineConfig()


def test_an_empty_table_streams_by_the_defaults(file: Path) -> None:
    file.write_text("[napari_streaming]")

    assert viewer_of(load_config(file, {})) == NapariStreamingConfig()


def test_a_variable_comes_before_the_file_and_code_before_both(file: Path) -> None:
    file.write_text("workers = 3\n[napari_streaming]\nnapari_port = 5600\nnapari_host = 'far'\n")

    loaded = load_config(file, {"HCS_NAPARI_PORT": "5700", "HCS_WORKERS": "5", "HCS_SITE_MODE": "SLICE"})
    viewer = resolve(LazyNapariStreamingConfig(site_mode="stack"), loaded)

    assert loaded.workers == 5
    assert loaded.explain("workers") == "5, from HCS_WORKERS"
    assert viewer.explain("napari_port") == "5700, from HCS_NAPARI_PORT"
    assert viewer.explain("napari_host") == f"far, from {file}"
    assert viewer.explain("site_mode") == "stack, from the step"


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("HCS_DATA_PORT", "5700", "napari_port", 5700),
        ("HCS_NAPARI_HOST", "far", "napari_host", "far"),
        ("HCS_ENABLED", "off", "enabled", False),
        ("HCS_PERSISTENT", "No", "persistent", False),
        ("HCS_REPLACE_LAYERS", "1", "replace_layers", True),
        ("HCS_WELL_FILTER", "A01-B03, c*", "well_filter", "A01-B03, c*"),
        ("HCS_WELL_FILTER", "none", "well_filter", None),
        ("HCS_STEP_FILTER", "2", "step_filter", "2"),
        ("HCS_COLORMAP", "MAGMA", "colormap", NapariColormap.MAGMA),
        ("HCS_COLORMAP", "none", "colormap", None),
        ("HCS_CONTRAST_LIMITS", "0, 4095.5", "contrast_limits", (0.0, 4095.5)),
        ("HCS_STREAM", "none", "stream", "none"),
        ("HCS_OVERFLOW", "latest", "overflow", "latest"),
        ("HCS_VIEWER_COMMAND", "conda run hcs-viewer", "viewer_command", "conda run hcs-viewer"),
        ("HCS_VIEWER_TITLE", "Screen 7", "viewer_title", "Screen 7"),
        ("HCS_NAPARI_PORT", "", "napari_port", 5555),
    ],
)
def test_a_variable_says_a_field(variable: str, text: str, field: str, value: object) -> None:
    loaded = load_config(None, {variable: text, "HCS_WELL_MODE": "stack"})

    assert getattr(viewer_of(loaded), field) == value


def test_the_streaming_port_comes_before_everyones() -> None:
    loaded = load_config(None, {"HCS_DATA_PORT": "5700", "HCS_NAPARI_PORT": "5800"})

    assert viewer_of(loaded).explain("napari_port") == "5800, from HCS_NAPARI_PORT"


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("HCS_DATA_PROT", "HCS_DATA_PORT"),
        ("HCS_WELL_FILTERS", "HCS_WELL_FILTER"),
        ("HCS_Z_INDEXMODE", "HCS_Z_INDEX_MODE"),
        ("HCS_SPILL_BUGDET", "HCS_SPILL_BUDGET"),
        ("HCS_worker", "HCS_WORKERS"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_right_one(variable: str, meant: str) -> None:
    with pytest.raises(UnknownSettingError, match=f"^environment: there is no '{variable}': .* '{meant}'"):
        load_config(None, {variable: "1"})


def test_a_laboratory_may_have_variables_of_its_own() -> None:
    others = ("HCS_DATA_DIR", "HCS_HOME", "HCS_LAB", "HCS_RUN", "HCS_TEST_PLATES", "DATA_PORT", "HCSX")

    assert load_config(None, dict.fromkeys(others, "x")) == PipelineConfig()


@pytest.mark.parametrize(
    ("variable", "text", "wanted"),
    [
        ("HCS_DATA_PORT", "many", "HCS_DATA_PORT: wanted as napari_port a whole number, found 'many'"),
        ("HCS_DATA_PORT", "80", "HCS_DATA_PORT: wanted as napari_port a data port from 1024"),
        ("HCS_ENABLED", "maybe", "HCS_ENABLED: wanted as enabled true or false, found 'maybe'"),
        ("HCS_SITE_MODE", "stak", "HCS_SITE_MODE: wanted as site_mode one of slice, stack"),
        ("HCS_CONTRAST_LIMITS", "5", "HCS_CONTRAST_LIMITS: wanted as contrast_limits two numbers"),
        ("HCS_WELL_FILTER", "X", "HCS_WELL_FILTER: wanted as well_filter a well"),
        ("HCS_WORKERS", "0", "HCS_WORKERS: wanted as workers a number from 1 on, found 0"),
        ("HCS_WORKERS", "two", "HCS_WORKERS: wanted as workers a whole number or nothing, found 'two'"),
    ],
)
def test_a_variable_that_cannot_be_is_named(variable: str, text: str, wanted: str) -> None:
    with pytest.raises(InvalidSettingError, match=wanted):
        load_config(None, {variable: text})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("worker = 3", "{file}: there is no 'worker': did you mean 'workers'?"),
        ("workers = 'three'", "{file}: wanted as workers a whole number or nothing, found 'three'"),
        (
            "[napari_streaming]\nnapari_prot = 1",
            "{file}, [napari_streaming]: there is no 'napari_prot': did you mean 'napari_port'?",
        ),
        (
            "[napari_streaming]\nnapari_port = '5556'",
            "{file}, [napari_streaming]: wanted as napari_port a whole number, found '5556'",
        ),
        (
            "[[napari_streaming]]\n[[napari_streaming]]\nenabled = 1",
            "{file}, [[napari_streaming]] 2: wanted as enabled true or false, found 1",
        ),
        ("[napari_streaming]\ncolormap = 'virids'", "did you mean 'viridis'?"),
        (
            "[napari_streaming]\nwell_filter = 'A1-'",
            "{file}, [napari_streaming]: wanted as well_filter a well",
        ),
        ("napari_streaming = 5555", "{file}: wanted a table [napari_streaming], or several, found 5555"),
        ("[napari_streamin]", "{file}: there is no 'napari_streamin': did you mean 'napari_streaming'?"),
        ("workers = ", "{file}: wanted TOML, found "),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_place(file: Path, text: str, says: str) -> None:
    file.write_text(text)

    with pytest.raises(ConfigurationError, match=re.escape(says.format(file=file))):
        load_config(file, {})


def test_a_file_of_other_bytes_is_refused(file: Path) -> None:
    file.write_bytes(b"workers = \xff")

    with pytest.raises(ConfigurationError, match="wanted TOML"):
        load_config(file, {})


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape(file.name)):
        load_config(file, {})


def test_a_variable_that_names_no_file_is_named_with_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCS_CONFIG", str(file))

    for read in (load_config, LazyNapariStreamingConfig().resolve):
        with pytest.raises(ConfigurationError, match=f"HCS_CONFIG: .* none at {re.escape(repr(str(file)))}"):
            read()


def test_a_file_for_all_pipelines_is_named_by_a_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("workers = 7\n[napari_streaming]\nnapari_port = 5600\nsite_mode = 'slice'\n")
    monkeypatch.setenv("HCS_CONFIG", str(file))
    monkeypatch.setenv("HCS_NAPARI_PORT", "5700")

    inherited = resolve(LazyNapariStreamingConfig())

    assert load_config().workers == 7
    assert inherited.explain("napari_port") == "5700, from HCS_NAPARI_PORT"
    assert inherited.explain("site_mode") == f"slice, from {file}"


@pytest.mark.parametrize("misspelt", ["wokers = 7", "[napari_streeming]", "workers = 0"])
def test_a_file_for_all_pipelines_is_checked_wherever_it_is_used(
    misspelt: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(misspelt)
    monkeypatch.setenv("HCS_CONFIG", str(file))

    with pytest.raises(ConfigurationError, match=r"workers|did you mean 'napari_streaming'"):
        active_streaming()


def test_a_file_may_be_named_from_ones_home(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[napari_streaming]\nnapari_port = 5600\n")
    monkeypatch.setenv("HOME", str(file.parent))
    monkeypatch.setenv("USERPROFILE", str(file.parent))
    monkeypatch.setenv("HCS_CONFIG", f" ~/{file.name}")

    assert resolve().napari_port == 5600
    assert viewer_of(load_config(f"~/{file.name}")).napari_port == 5600


def test_a_changed_file_is_read_anew(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCS_CONFIG", str(file))
    found = []
    for port in (5600, 56001):
        file.write_text(f"[napari_streaming]\nnapari_port = {port}\n")
        found.append(resolve().napari_port)

    assert found == [5600, 56001]
