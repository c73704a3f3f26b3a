"""What is done to shared memory and disk: filled to the last byte, and littered."""

from ._leftovers import litter
from ._places import fill
from ._stage import Stage


def fill_memory(stage: Stage) -> None:
    """Fill the device of shared memory while a new worker wants some."""
    stage.aim(stage.any_worker())
    filling = fill(stage.places.segments)
    try:
        stage.start_worker()
        stage.await_flow()
        stage.last(0.0, 1.0)
    finally:
        filling.unlink()


def fill_disk(stage: Stage) -> None:
    """Freeze a viewer, so that images are spilled, and fill the disk while they are."""
    viewer = stage.viewers[stage.any_port()]
    stage.aim(stage.any_worker())
    viewer.freeze()
    stage.last(0.0, 1.0)
    filling = fill(stage.places.spill)
    try:
        stage.last(0.5, 3.0)
    finally:
        filling.unlink()
        viewer.thaw()


def corrupt_segments(stage: Stage) -> None:
    """Lay segments of dead workers beside the living ones: with broken headers and records, and junk."""
    stage.aim(stage.any_worker())
    for folder in (stage.places.segments, stage.places.spill):
        stage.spoiled |= litter(folder, stage.random, stage.places)
    stage.start_worker()  # one more who looks at them
