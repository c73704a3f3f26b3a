"""To which viewers the results of each step go: what the function says, else the step, else the pipeline."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from hcs_stream.config import NapariStreamingConfig, Streamings, resolve_all

from ._step import Step

Viewers: TypeAlias = Mapping[tuple[int, str | None], tuple[NapariStreamingConfig, ...]]
"""By the number of a step, and the channel whose functions it calls: None where those are for all."""


def viewers_of(steps: Iterable[Step], pipeline: Streamings) -> Viewers:
    """Return what each step's results are streamed by; of several functions, the last that says it counts.

    It is resolved where the run begins: workers may have another environment.

    Raises:
        ConfigurationError: As `hcs_stream.config.resolve_all`.
    """
    found: dict[tuple[int, str | None], tuple[NapariStreamingConfig, ...]] = {}
    for number, step in enumerate(steps, start=1):
        for channel, chain in step.chains.items():
            said = [call.streaming for call in reversed(chain)]
            configs = resolve_all(*said, step.streaming, pipeline)
            found[number, channel] = tuple(
                config for config in configs if config.enabled and step.streams(config.stream)
            )
    return found


def place(config: NapariStreamingConfig) -> tuple[str, int]:
    """Return which viewer this is: its host and data port."""
    return config.napari_host, config.napari_port
