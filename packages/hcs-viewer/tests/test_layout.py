import cProfile
import gc
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sent import BLUR, image, seen

from hcs_protocol import (
    COMPONENTS,
    DimensionMode,
    DisplayConfiguration,
    ImageReady,
    ImageSpec,
    RunStarted,
    Step,
    VariableSizeHandling,
)
from hcs_viewer._layer_models import Placement
from hcs_viewer._layout import Layout

SLICE, STACK = DimensionMode.SLICE, DimensionMode.STACK
PADDED = DisplayConfiguration(variable_size_handling=VariableSizeHandling.PAD_TO_MAX)
TAKE_OVER = DisplayConfiguration(replace_layers=True)


def laid_out(*images: ImageReady) -> tuple[Layout, list[Placement]]:
    layout = Layout()
    return layout, [layout.place(ready, number) for number, ready in enumerate(images)]


def names(layout: Layout) -> list[str]:
    return [layer.name for layer in layout.layers]


# Names.


def test_by_default_the_channel_stands_in_the_name() -> None:
    layout, _ = laid_out(image(well="A01", channel="DAPI", site=1, z_index=3))

    assert names(layout) == ["Step_02_gaussian_blur_Channel_DAPI"]


def test_well_channel_and_site_stand_in_the_name_when_they_are_sliced() -> None:
    display = DisplayConfiguration(well_mode=SLICE, channel_mode=SLICE, site_mode=SLICE)

    layout, _ = laid_out(image(display=display, well="A01", channel="DAPI", site=1))

    assert names(layout) == ["Step_02_gaussian_blur_Well_A01_Channel_DAPI_Site_001"]


def test_images_without_a_step_are_named_for_their_channel() -> None:
    layout, _ = laid_out(image(step=None, channel="DAPI"), image(step=None))

    assert names(layout) == ["Channel_DAPI", "Image"]


def test_the_second_run_says_that_it_is_one() -> None:
    layout, _ = laid_out(*(image(run=run, channel="DAPI") for run in ("r1", "r2", "r3")))

    plain = "Step_02_gaussian_blur_Channel_DAPI"
    assert names(layout) == [plain, f"{plain} [run 2]", f"{plain} [run 3]"]


LABELS = ImageSpec(shape=(4, 6), dtype="uint16", kind="labels")


@pytest.mark.parametrize("order", [("image", "labels"), ("labels", "image")])
def test_labels_and_image_of_one_step_are_two_layers(order: tuple[str, str]) -> None:
    specs = {"image": None, "labels": LABELS}

    layout, _ = laid_out(*(image(spec=specs[kind], well=well) for well in ("A01", "A02") for kind in order))

    plain = "Step_02_gaussian_blur"
    assert {layer.key.kind: layer.name for layer in layout.layers} == {
        "image": plain,
        "labels": f"{plain} [labels]",
    }


def test_labels_alone_have_the_plain_name() -> None:
    layout, _ = laid_out(image(spec=LABELS))

    assert names(layout) == ["Step_02_gaussian_blur"]


@pytest.mark.parametrize("order", [(None, 1, 2), (1, None, 2), (1, 2, None)])
def test_an_image_without_z_beside_images_with_z_is_a_projection(order: tuple[int | None, ...]) -> None:
    layout, _ = laid_out(*(image(channel="DAPI", z_index=z_index) for z_index in order))

    plain = "Step_02_gaussian_blur_Channel_DAPI"
    assert sorted(names(layout)) == [plain, f"{plain}_Projection"]


@pytest.mark.parametrize("order", [(None, 1, 2), (1, 2, None)])
def test_it_is_one_beside_layers_of_single_z_planes_too(order: tuple[int | None, ...]) -> None:
    display = DisplayConfiguration(z_index_mode=SLICE)

    layout, _ = laid_out(*(image(display=display, z_index=z_index) for z_index in order))

    plain = "Step_02_gaussian_blur"
    assert sorted(names(layout)) == [f"{plain}_Projection", f"{plain}_Z_001", f"{plain}_Z_002"]


def test_a_projection_that_came_first_is_said_to_be_renamed() -> None:
    _, (flat, deep) = laid_out(image(), image(z_index=1))

    assert deep.renamed == (flat.layer,)


def test_layers_are_removed_though_one_took_the_name_of_a_projection_over() -> None:
    layout, (flat, deep) = laid_out(image(), image(z_index=1))

    layout.remove([flat.layer, deep.layer])

    assert names(layout) == []


def test_an_image_without_z_alone_is_no_projection() -> None:
    layout, _ = laid_out(image(channel="DAPI"), image(channel="GFP", z_index=1))

    assert names(layout) == ["Step_02_gaussian_blur_Channel_DAPI", "Step_02_gaussian_blur_Channel_GFP"]


# Layers and axes.


def test_a_sliced_component_is_a_layer_per_value_and_no_axis() -> None:
    display = DisplayConfiguration(well_mode=SLICE, channel_mode=STACK)

    layout, _ = laid_out(*(image(display=display, well=w, channel=c) for w in ("A01", "A02") for c in "ab"))

    assert names(layout) == ["Step_02_gaussian_blur_Well_A01", "Step_02_gaussian_blur_Well_A02"]
    assert layout.axes["channel"].values == ["a", "b"]
    assert layout.axes["well"].values == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_can_be_an_axis_or_a_name(component: str) -> None:
    values = ["1", "2", "3"]
    for mode, layers, positions in ((STACK, 1, 3), (SLICE, 3, 1)):
        display = DisplayConfiguration(**{f"{component}_mode": mode})

        layout, _ = laid_out(*(image(display=display, **{component: value}) for value in values))

        assert (len(layout.layers), len(layout.axes[component])) == (layers, positions)


def test_axes_are_always_in_the_order_of_the_components() -> None:
    layout, _ = laid_out(*(image(site=site, well=well) for site in (1, 2, 3) for well in ("A01", "A02")))

    assert layout.shape == (1, 1, 2, 3, 1, 1)


def test_values_are_in_natural_order() -> None:
    wells = ["AA01", "B10", "A10", "B02", "A2", None, "A01"]

    layout, _ = laid_out(*(image(well=well) for well in wells))

    assert layout.axes["well"].values == [None, "A01", "A2", "A10", "B02", "B10", "AA01"]


def test_a_missing_component_is_a_position_of_its_own_and_the_first() -> None:
    layout, placements = laid_out(image(well="A01", site=1), image(well="A01"))

    assert layout.axes["site"].values == [None, 1]
    assert len(layout.layers) == 1
    assert placements[0].positions != placements[1].positions


EVERYWHERE = ("timepoint", "site", "channel", "z_index")


@pytest.mark.parametrize("order", [(None, 1, 2), (1, None, 2), (1, 2, None)])
@pytest.mark.parametrize("component", EVERYWHERE)
def test_a_layer_whose_images_all_lack_a_component_is_seen_at_each_of_its_values(
    component: str, order: tuple[int | None, ...]
) -> None:
    display, overview = DisplayConfiguration(channel_mode=STACK), Step(index=3, name="overview")
    steps = {None: overview, 1: BLUR, 2: BLUR}

    layout, placements = laid_out(
        *(image(display=display, well="A01", step=steps[v], **{component: v}) for v in order)
    )

    assert layout.axes[component].values == [1, 2]
    lacking = placements[order.index(None)].layer
    assert {number for number, _ in seen(layout, lacking).values()} == {order.index(None)}
    assert len(seen(layout, lacking)) == 2


@pytest.mark.parametrize("component", sorted({*COMPONENTS} - {*EVERYWHERE}))
def test_an_image_without_a_well_or_a_plate_is_seen_beside_those_that_have_one(component: str) -> None:
    layout, placements = laid_out(image(**{component: "A01"}), image(step=Step(index=3, name="overview")))

    assert layout.axes[component].values == [None, "A01"]
    assert len(seen(layout, placements[1].layer)) == 1


def test_images_that_turn_out_to_lack_a_component_are_drawn_where_they_are_now() -> None:
    layout, _ = laid_out(image(site=1), image(), image(step=None))
    growth = layout.growth

    layout.place(image(step=None, site=1), 3)

    assert layout.axes["site"].values == [None, 1]
    assert layout.growth > growth


def test_indexes_from_0_stay_as_they_are() -> None:
    layout, _ = laid_out(*(image(site=site, timepoint=0, z_index=0) for site in (1, 0)))

    assert layout.axes["site"].values == [0, 1]
    assert layout.axes["z_index"].values == [0]


def test_a_single_image_at_z_200_has_one_position() -> None:
    layout, _ = laid_out(image(z_index=200))

    assert layout.axes["z_index"].values == [200]
    assert layout.shape == (1, 1, 1, 1, 1, 1)


def test_a_number_and_the_same_number_as_text_are_two_positions() -> None:
    layout, _ = laid_out(image(site="1"), image(site=1), image(site="01"))

    assert layout.axes["site"].values == [1, "01", "1"]


def test_a_run_that_says_what_it_expects_gets_its_positions_before_the_images() -> None:
    layout = Layout()
    layout.declare(RunStarted(sequence=1, run="r1", wells=["A01", "A02"], sites=[1, 2, 3], channels=["DAPI"]))

    layout.place(image(well="A02", site=2, channel="DAPI"), 1)

    assert layout.shape == (1, 1, 2, 3, 1, 1)


def test_what_a_run_expects_can_be_said_after_its_first_image() -> None:
    layout, _ = laid_out(image(well="A02", site=2))

    layout.declare(RunStarted(sequence=2, run="r1", wells=["A01", "A02"], sites=[1, 2, 3]))

    assert layout.shape == (1, 1, 2, 3, 1, 1)


def test_a_plate_of_1536_wells_is_one_layer() -> None:
    rows = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "AA", "AB", "AC", "AD", "AE", "AF"]
    wells = [f"{row}{column:02d}" for row in rows for column in range(1, 49)]

    layout, _ = laid_out(*(image(well=well) for well in reversed(wells)))

    assert layout.axes["well"].values == wells
    assert len(layout.layers) == 1


WELLS = [None, "A01", "A1", "a01", "B02", "AA01"]
ADDRESSES = [
    {"run": run, "well": well, "channel": channel, "z_index": z_index}
    for run, well, channel, z_index in product(("r1", "r2"), WELLS, ("DAPI", "dapi", 1), (None, 0, 10))
]


@given(st.permutations(ADDRESSES))
def test_the_order_of_arrival_changes_nothing(order: list[dict[str, object]]) -> None:
    display = DisplayConfiguration(channel_mode=STACK)

    def shown(addresses: list[dict[str, object]]) -> tuple[object, ...]:
        layout = Layout()
        for address in addresses:
            layout.place(image(display=display, **address), ADDRESSES.index(address))
        layers = {(layer.run, layer.base): seen(layout, layer) for layer in layout.layers}
        return {c: axis.values for c, axis in layout.axes.items()}, layers

    assert shown(order) == shown(ADDRESSES)


# Images that lie where another one was.


def test_the_same_address_twice_in_a_run_replaces_the_image() -> None:
    layout, (_, second) = laid_out(image(well="A01"), image(well="A01"))

    assert second.replaced == (0,)
    assert layout.layers[0].images == [1]


def test_other_addresses_replace_nothing() -> None:
    _, placements = laid_out(image(well="A01"), image(well="A02"), image(well="A01", run="r2"))

    assert [placement.replaced for placement in placements] == [(), (), ()]


def test_a_run_may_take_over_the_layers_of_the_one_before() -> None:
    first, second = (image(run=run, display=TAKE_OVER, well="A01") for run in ("r1", "r2"))

    layout, (_, placement) = laid_out(first, second)

    assert names(layout) == ["Step_02_gaussian_blur"]
    assert placement.replaced == (0,)
    assert layout.layers[0].run == "r2"


def test_removed_layers_name_the_images_to_forget() -> None:
    layout, _ = laid_out(image(channel="DAPI", well="A01"), image(channel="DAPI", well="A02"), image())

    assert layout.remove([layout.layers[0]]) == [0, 1]
    assert names(layout) == ["Step_02_gaussian_blur"]


def test_without_layers_the_sliders_have_no_positions() -> None:
    layout, _ = laid_out(image(well="A01"), image(well="A02"))

    layout.remove(list(layout.layers))

    assert layout.shape == (1,) * len(COMPONENTS)
    assert layout.axes["well"].values == []


# Volumes.

VOLUME = ImageSpec(shape=(3, 4, 6), dtype="uint16", axes=("z", "y", "x"))


@pytest.mark.parametrize(("first", "positions"), [(None, [1, 2, 3]), (0, [0, 1, 2]), (5, [5, 6, 7])])
def test_a_volume_lies_at_as_many_positions_as_it_has_planes(first: int | None, positions: list[int]) -> None:
    layout, (placement,) = laid_out(image(spec=VOLUME, z_index=first))

    assert layout.axes["z_index"].values == positions
    assert [position[-1] for position in placement.positions] == positions
    assert list(seen(layout, placement.layer).values()) == [(0, 0), (0, 1), (0, 2)]


def test_a_volume_and_planes_share_a_layer() -> None:
    layout, _ = laid_out(image(spec=VOLUME), image(z_index=4))

    assert len(layout.layers) == 1
    assert list(seen(layout, layout.layers[0]).values()) == [(0, 0), (0, 1), (0, 2), (1, None)]


def test_a_volume_replaces_all_the_planes_that_lay_there() -> None:
    _, placements = laid_out(image(z_index=1), image(z_index=3), image(z_index=4), image(spec=VOLUME))

    assert placements[-1].replaced == (0, 1)


def test_a_volume_is_replaced_when_none_of_its_planes_is_shown_any_more() -> None:
    _, placements = laid_out(image(spec=VOLUME), *(image(z_index=z_index) for z_index in (1, 2, 3)))

    assert [placement.replaced for placement in placements[1:]] == [(), (), (0,)]


# Unequal images.

SMALL, LARGE = ImageSpec(shape=(4, 6), dtype="uint16"), ImageSpec(shape=(8, 5), dtype="uint16")
FLOAT = ImageSpec(shape=(4, 6), dtype="float32")


def test_a_well_of_another_size_gets_a_layer_of_its_own() -> None:
    sizes = {"A01": SMALL, "A02": LARGE, "A03": SMALL}

    layout, _ = laid_out(
        *(image(spec=spec, well=well, site=site) for well, spec in sizes.items() for site in (1, 2))
    )

    assert names(layout) == ["Step_02_gaussian_blur", "Step_02_gaussian_blur_Well_A02"]
    assert [len(layer.images) for layer in layout.layers] == [4, 2]


def test_wells_of_one_other_size_share_a_layer_that_is_named_for_it() -> None:
    sizes = {"A01": SMALL, "A02": LARGE, "A03": SMALL, "A04": LARGE}

    layout, _ = laid_out(*(image(spec=spec, well=well) for well, spec in sizes.items()))

    assert names(layout) == ["Step_02_gaussian_blur [4x6 uint16]", "Step_02_gaussian_blur"]


def test_images_of_several_sizes_in_one_well_are_named_for_them() -> None:
    layout, _ = laid_out(*(image(spec=spec, well="A01", site=9) for spec in (SMALL, LARGE)))

    plain = "Step_02_gaussian_blur_Well_A01"
    assert names(layout) == [f"{plain} [4x6 uint16]", plain]


def test_without_wells_layers_are_named_for_their_sizes() -> None:
    layout, _ = laid_out(*(image(spec=spec, site=9) for spec in (SMALL, LARGE)))

    assert names(layout) == ["Step_02_gaussian_blur [4x6 uint16]", "Step_02_gaussian_blur"]


def test_one_more_of_many_sizes_costs_no_more_than_one_more_of_few() -> None:
    def calls_for_one_more(sizes: int) -> int:
        layout = Layout()
        for side in range(1, sizes + 1):
            layout.place(image(spec=ImageSpec(shape=(side, side), dtype="uint16"), well="A01"), side)
        one_more = image(spec=ImageSpec(shape=(1, sizes), dtype="uint16"), well="A01")
        profile = cProfile.Profile()
        gc.disable()  # hypothesis has calls of its own in each collection
        try:
            profile.runcall(layout.place, one_more, sizes + 1)
        finally:
            gc.enable()
        return sum(entry.callcount for entry in profile.getstats())

    assert calls_for_one_more(400) == calls_for_one_more(100)


def test_an_image_of_another_size_says_that_the_first_layer_has_another_name() -> None:
    layout, placements = laid_out(*(image(spec=SMALL, well=well) for well in ("A01", "A01")))
    assert names(layout) == ["Step_02_gaussian_blur"]

    second = layout.place(image(spec=LARGE, well="A02"), 3)
    third = layout.place(image(spec=SMALL, well="A03"), 4)

    first = placements[0].layer
    assert (second.renamed, third.renamed) == ((first,), (first,))
    assert names(layout) == ["Step_02_gaussian_blur", "Step_02_gaussian_blur_Well_A02"]


def test_a_layer_that_pads_is_as_large_as_its_largest_image() -> None:
    layout, _ = laid_out(image(spec=SMALL, well="A01", display=PADDED))
    growth = layout.growth

    layout.place(image(spec=LARGE, well="A02", display=PADDED), 2)

    assert [layer.shape for layer in layout.layers] == [(8, 6)]
    assert layout.growth > growth


def test_another_dtype_is_another_layer_and_not_one_per_well() -> None:
    wells = ("A01", "A02", "A03")

    layout, _ = laid_out(*(image(spec=spec, well=well) for spec in (SMALL, FLOAT) for well in wells))

    assert names(layout) == ["Step_02_gaussian_blur", "Step_02_gaussian_blur [4x6 float32]"]


def test_another_dtype_of_many_sizes_is_one_layer_if_it_is_padded() -> None:
    specs = [SMALL, FLOAT, ImageSpec(shape=(9, 9), dtype="float32")]

    layout, _ = laid_out(*(image(spec=spec, display=PADDED, site=1) for spec in specs))

    assert [(layer.dtype, layer.shape) for layer in layout.layers] == [
        ("uint16", (4, 6)),
        ("float32", (9, 9)),
    ]


@pytest.mark.parametrize("display", [DisplayConfiguration(), PADDED])
def test_images_of_three_and_of_four_colours_never_share_a_layer(display: DisplayConfiguration) -> None:
    specs = [ImageSpec(shape=(4, 6, colours), dtype="uint8", axes=("y", "x", "c")) for colours in (3, 4)]

    layout, _ = laid_out(*(image(spec=spec, display=display, well="A01") for spec in specs))

    assert [layer.shape for layer in layout.layers] == [(4, 6, 3), (4, 6, 4)]


def test_the_first_z_step_is_the_sliders() -> None:
    layout, _ = laid_out(image())
    growth = layout.growth

    layout.place(image(z_index=1, spec=ImageSpec(shape=(4, 6), dtype="uint16", z_step=0.5)), 2)

    assert layout.z_step == 0.5
    assert layout.growth > growth
