"""The configuration in use."""

import threading

import pytest

from hcs_stream.config import (
    ConfigurationError,
    LazyNapariStreamingConfig,
    NapariStreamingConfig,
    PipelineConfig,
    active_streaming,
    use_streaming,
)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HCS_DATA_PORT", raising=False)


def test_without_any_the_defaults_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert active_streaming() == NapariStreamingConfig()

    monkeypatch.setenv("HCS_DATA_PORT", "5900")

    assert active_streaming().napari_port == 5900


def test_what_is_in_use_ends_with_its_block_however_that_ends() -> None:
    def fail() -> None:
        with use_streaming(NapariStreamingConfig(napari_port=5600)):
            raise RuntimeError(f"used {active_streaming().napari_port}")

    with pytest.raises(RuntimeError, match="used 5600"):
        fail()

    assert active_streaming().napari_port == 5555


def test_an_inner_one_inherits_from_the_one_around_it() -> None:
    with (
        use_streaming(NapariStreamingConfig(napari_port=5600)),
        use_streaming(LazyNapariStreamingConfig(site_mode="slice")),
        use_streaming(None),
    ):
        config = active_streaming()

    assert (config.napari_port, config.site_mode.value) == (5600, "slice")
    assert config.explain("napari_port") == "5600, from the pipeline"
    assert config.explain("site_mode") == "slice, from the step"


def test_a_concrete_one_knows_its_level() -> None:
    with use_streaming(NapariStreamingConfig()), use_streaming(NapariStreamingConfig(napari_port=5600)):
        assert active_streaming().explain("napari_port") == "5600, from the step"
        assert active_streaming() is active_streaming()


def test_a_pipelines_configuration_stands_for_its_viewer() -> None:
    with use_streaming(PipelineConfig(napari_streaming=NapariStreamingConfig(napari_port=5600))):
        assert active_streaming().napari_port == 5600


def test_the_block_is_given_what_is_in_use() -> None:
    with use_streaming(LazyNapariStreamingConfig(napari_port=5600), level="screen") as config:
        assert config == active_streaming()
        assert config.explain("napari_port") == "5600, from the screen"


def test_no_other_object_is_put_in_use() -> None:
    with pytest.raises(ConfigurationError, match="wanted one configuration"):
        use_streaming([NapariStreamingConfig()]).__enter__()  # type: ignore[arg-type]  # that is the point


def test_another_thread_uses_its_own() -> None:
    found: list[int] = []
    with use_streaming(NapariStreamingConfig(napari_port=5600)):
        thread = threading.Thread(target=lambda: found.append(active_streaming().napari_port))
        thread.start()
        thread.join()

    assert found == [5555]
