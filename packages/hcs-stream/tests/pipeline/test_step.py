from functools import partial

import numpy as np
import pytest

from hcs_stream.pipeline import Step, StepDefinitionError


def blur(image: object, sigma: float = 1.0) -> object:
    return image


def count(image: object, *, least: int) -> object:
    return image


def test_a_step_is_named_as_its_functions() -> None:
    steps = [
        Step(blur),
        Step([blur, (count, {"least": 2})]),
        Step({"DAPI": blur, "GFP": blur}),
        Step(np.sqrt),
    ]

    assert [step.name for step in steps] == ["blur", "blur_count", "blur", "sqrt"]
    assert Step(partial(blur, sigma=3)).name == "blur"
    assert Step(blur, "my blur").name == "my blur"


def test_a_misspelt_setting_is_told_before_anything_runs() -> None:
    with pytest.raises(StepDefinitionError, match="did you mean 'sigma'"):
        Step((blur, {"sigam": 2}))


def test_a_setting_that_a_function_needs_is_asked_for() -> None:
    with pytest.raises(StepDefinitionError, match="least"):
        Step(count)


def test_each_channel_has_its_functions_and_other_channels_none() -> None:
    step = Step({"DAPI": blur, 2: [blur, blur]})

    assert [len(step.chain(channel) or ()) for channel in ("DAPI", "2", "GFP")] == [1, 2, 0]


@pytest.mark.parametrize(
    ("keywords", "wanted"),
    [
        ({"kind": "label"}, "'image' or 'labels'"),
        ({"group_by": "z"}, "z_index"),
        ({"group_by": "well"}, "z_index"),
        ({"group_by": 3}, "a component or several, found 3"),
        ({"name": 1}, "a name as text, found 1"),
        ({"group_by": ("z_index", "z_index")}, "once each"),
        ({"stream": "some"}, "'all', 'materialised' or 'none'"),
        ({"materialise": "tiff"}, "'zarr' or 'disk'"),
    ],
)
def test_what_a_step_cannot_be_is_refused(keywords: dict[str, object], wanted: str) -> None:
    with pytest.raises(StepDefinitionError, match=wanted):
        Step(blur, **keywords)  # type: ignore[arg-type]


@pytest.mark.parametrize("func", ["blur", [], {}, 3, [blur, 3], (blur, 3)])
def test_what_is_no_function_is_refused(func: object) -> None:
    with pytest.raises(StepDefinitionError):
        Step(func)  # type: ignore[arg-type]


def test_channels_that_are_grouped_have_one_function_for_all() -> None:
    with pytest.raises(StepDefinitionError, match="one function for all channels"):
        Step({"DAPI": blur}, group_by="channel")
