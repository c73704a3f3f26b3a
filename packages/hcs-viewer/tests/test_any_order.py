"""Whichever image comes first, the scene is the same in the end."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from sent import BLUR, image, seen

from hcs_protocol import (
    DimensionMode,
    DisplayConfiguration,
    ImageReady,
    ImageSpec,
    RunStarted,
    Step,
    VariableSizeHandling,
)
from hcs_viewer._layout import Layout

PADDED = VariableSizeHandling.PAD_TO_MAX
SPECS = [
    ImageSpec(shape=(4, 6), dtype="uint16"),
    ImageSpec(shape=(8, 5), dtype="uint16"),
    ImageSpec(shape=(4, 6), dtype="float32"),
    ImageSpec(shape=(4, 6, 3), dtype="uint8", axes=("y", "x", "c")),
    ImageSpec(shape=(4, 6, 4), dtype="uint8", axes=("y", "x", "c")),
    ImageSpec(shape=(4, 6), dtype="uint16", kind="labels"),
    ImageSpec(shape=(9, 9), dtype="int32", kind="labels"),
]
DISPLAYS = [
    DisplayConfiguration(),
    DisplayConfiguration(variable_size_handling=PADDED),
    DisplayConfiguration(well_mode=DimensionMode.SLICE),
    DisplayConfiguration(channel_mode=DimensionMode.STACK, z_index_mode=DimensionMode.SLICE),
    DisplayConfiguration(replace_layers=True),
]
STEPS = [None, BLUR, Step(index=2, name="gaussian blur"), Step(index=3, name="x [run 2]")]
RUNS = ["r1", "r2", "r3"]

images = st.builds(
    image,
    run=st.sampled_from(RUNS),
    step=st.sampled_from(STEPS),
    spec=st.sampled_from(SPECS),
    display=st.sampled_from(DISPLAYS),
    well=st.sampled_from([None, "A01", "A02", "AA01"]),
    site=st.sampled_from([None, 0, 1, "1"]),
    channel=st.sampled_from(["DAPI", 1, "1", None]),
    z_index=st.sampled_from([None, 0, 200]),
)
BEGINNINGS = [image(run=run, step=Step(index=0, name="begin")) for run in RUNS]


def place_of(ready: ImageReady) -> tuple[object, ...]:
    """What of an image is not in its own pixels: two with the same lie at the same place."""
    run = "" if ready.display.replace_layers else ready.address.run
    return run, ready.address.step, ready.address.components, ready.display, ready.spec


def scene(order: list[ImageReady], numbers: dict[int, int]) -> object:
    """All that one can see once these images have arrived."""
    layout = Layout()
    layout.declare(RunStarted(sequence=1, run="r2", wells=["B01"], sites=[7]))
    for ready in (*BEGINNINGS, *order):
        layout.place(ready, numbers.get(id(ready), 0))
    layers = sorted(layout.layers, key=layout.rank)
    return (
        {component: axis.values for component, axis in layout.axes.items()},
        [(layer.name, layer.shape, layer.dtype, layer.run, seen(layout, layer)) for layer in layers],
    )


@given(st.lists(images, max_size=12, unique_by=place_of), st.randoms())
def test_any_order_of_arrival_ends_in_the_same_scene(sent: list[ImageReady], chance: object) -> None:
    numbers = {id(ready): number for number, ready in enumerate(sent, 1)}
    shuffled = chance.sample(sent, len(sent))

    assert scene(shuffled, numbers) == scene(sent, numbers)


@given(st.lists(images, max_size=12, unique_by=place_of))
def test_names_are_unique_and_each_change_of_one_is_told(sent: list[ImageReady]) -> None:
    layout = Layout()
    told: dict[int, str] = {}
    for number, ready in enumerate(sent):
        placement = layout.place(ready, number)
        told |= {id(layer): layer.name for layer in (placement.layer, *placement.renamed)}

        assert Counter(layer.name for layer in layout.layers).most_common(1)[0][1] == 1
        assert told == {id(layer): layer.name for layer in layout.layers}
