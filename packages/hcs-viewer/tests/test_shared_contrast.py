import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcs_viewer._contrast import GreyValues, Limits
from hcs_viewer._shared_contrast import SharedContrast, shared_limits


class Layer:
    """A layer without a window."""

    def __init__(self, *, shares_with: str = "DAPI") -> None:
        self.shares_with = shares_with
        self.greys = GreyValues()
        self.drawn: list[Limits] = []

    @property
    def own_limits(self) -> Limits | None:
        return self.greys.limits

    def show_limits(self, limits: Limits) -> None:
        self.drawn.append(limits)


def arrive(contrast: SharedContrast, layer: Layer, low: float, high: float) -> None:
    layer.greys.add((low, high))
    contrast.note(layer)


@pytest.mark.parametrize(
    ("own", "shared"),
    [
        ([], []),
        ([(0, 100)], [(0, 100)]),
        ([(0, 100), (10, 150)], [(0, 150), (0, 150)]),
        ([(0, 1000), (0, 1)], [(0, 1000), (0, 1)]),
        ([(30_000, 30_100), (0, 100)], [(30_000, 30_100), (0, 100)]),
        ([(0, 400), (0, 100), (0, 200)], [(0, 400), (0, 200), (0, 200)]),
    ],
)
def test_limits_of_about_the_same_range_are_shared(own: list[Limits], shared: list[Limits]) -> None:
    assert shared_limits(own) == shared


ranges = st.tuples(st.integers(-300, 300), st.integers(1, 300)).map(lambda pair: (pair[0], sum(pair)))


@given(st.lists(ranges), st.randoms())
def test_who_shares_does_not_depend_on_the_order(own: list[Limits], chance: object) -> None:
    order = chance.sample(range(len(own)), len(own))

    found = shared_limits([own[number] for number in order])

    assert found == [shared_limits(own)[number] for number in order]


def test_layers_of_one_channel_share_and_those_of_another_do_not() -> None:
    contrast, raw, blurred, other = SharedContrast(), Layer(), Layer(), Layer(shares_with="GFP")
    for layer, high in ((raw, 100), (blurred, 150), (other, 160)):
        arrive(contrast, layer, 0, high)

    contrast.draw()

    assert [layer.drawn[-1] for layer in (raw, blurred, other)] == [(0, 150), (0, 150), (0, 160)]


def test_a_layer_is_drawn_once_however_many_images_came() -> None:
    contrast, layers = SharedContrast(), [Layer(), Layer()]
    for high in range(100, 120):
        for layer in layers:
            arrive(contrast, layer, 0, high)

    contrast.draw()
    contrast.draw()

    assert [len(layer.drawn) for layer in layers] == [1, 1]


def test_images_that_ask_for_nothing_new_draw_nothing() -> None:
    contrast, layer = SharedContrast(), Layer()
    for _ in range(5):
        arrive(contrast, layer, 0, 100)
        contrast.draw()

    assert layer.drawn == [(0, 100)]


def test_blank_layers_are_left_alone() -> None:
    contrast, layer = SharedContrast(), Layer()
    contrast.note(layer)

    contrast.draw()

    assert layer.drawn == []


def test_a_layer_that_left_is_not_drawn() -> None:
    contrast, gone, stays = SharedContrast(), Layer(), Layer()
    arrive(contrast, gone, 0, 150)
    contrast.draw()
    for _ in range(2):
        contrast.leave(gone)

    arrive(contrast, stays, 0, 100)
    contrast.draw()

    assert (len(gone.drawn), stays.drawn) == (1, [(0, 100)])


@given(st.lists(st.tuples(st.integers(0, 3), ranges, st.booleans()), min_size=1), st.randoms())
def test_the_order_of_arrival_changes_no_contrast(
    arrivals: list[tuple[int, Limits, bool]], chance: object
) -> None:
    def drawn(order: list[tuple[int, Limits, bool]]) -> list[Limits | None]:
        contrast, layers = SharedContrast(), [Layer() for _ in range(4)]
        for number, (low, high), is_frame in order:
            arrive(contrast, layers[number], low, high)
            if is_frame:
                contrast.draw()
        contrast.draw()
        return [layer.drawn[-1] if layer.drawn else None for layer in layers]

    assert drawn(chance.sample(arrivals, len(arrivals))) == drawn(arrivals)
