"""What a run is going to send of a plate, gathered from the plate's images and told to a viewer."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from hcs_protocol import COMPONENTS, natural_key

from ._addresses import StepLike
from ._run_news import RunNews


def declare_plate(
    news: RunNews,
    images: Iterable[Mapping[str, object]],
    *,
    name: str,
    steps: Iterable[StepLike] = (),
    unsaid: Collection[str] = (),
) -> None:
    """Tell the viewer which wells, sites and so on are to come, so that its sliders do not grow.

    Args:
        news: The stream to it.
        images: The components of each, by their names; what else is said of them is skipped.
        name: How people call the run.
        steps: Of the pipeline.
        unsaid: Components whose values are not known before the images come.

    Raises:
        InvalidComponentError: A value is none that a plate can have, or there are too many.
    """
    values = values_of(images, unsaid)
    news.declare(
        name=name,
        plates=values["plate"],
        wells=values["well"],
        sites=values["site"],
        channels=values["channel"],
        z_indexes=values["z_index"],
        timepoints=values["timepoint"],
        steps=steps,
    )


def values_of(images: Iterable[Mapping[str, object]], unsaid: Collection[str] = ()) -> dict[str, list[Any]]:
    """Return the values of each component in natural order, None of images without it first.

    Args:
        images: The components of each, by their names.
        unsaid: Components whose values nobody asks for; they have none.
    """
    found: dict[str, set[object]] = {component: set() for component in COMPONENTS}
    wanted = [(component, values) for component, values in found.items() if component not in unsaid]
    for image in images:
        for component, values in wanted:
            values.add(image.get(component))
    return {component: sorted(values, key=natural_key) for component, values in found.items()}


def components_of(image: object) -> dict[str, object]:
    """Return the components of what has them as attributes, such as an `ImageFile`; no text says nothing."""
    said = ((component, getattr(image, component)) for component in COMPONENTS)
    return {component: None if value == "" else value for component, value in said}
