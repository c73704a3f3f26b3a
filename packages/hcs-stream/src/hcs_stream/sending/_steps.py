"""Which steps of a pipeline images are of, those of one step, and those that are labels."""

from collections.abc import Iterable

from hcs_protocol import Step, natural_key

from ._choice import NothingChosenError
from ._finding import Found
from ._found_images import FoundImage


def step_text(step: Step) -> str:
    """Return how a step is listed: ``"2 cells"``."""
    return f"{step.index} {step.name}"


def steps_of(images: Iterable[FoundImage]) -> list[Step]:
    """Return the steps that made images, in order; a plate says it of results that were kept."""
    found = {image.keywords.get("step") for image in images}
    return sorted((step for step in found if isinstance(step, Step)), key=lambda s: natural_key(step_text(s)))


def choose_step(
    found: Found, images: list[FoundImage], said: str | None
) -> tuple[list[FoundImage], str | None]:
    """Take the images of one step, by its name, its number or both, and note the others as skipped.

    Returns:
        The images; and the step as which they are to be shown, None if it is that of which they are. Those of
        no step, or all of one, can be shown as any other.

    Raises:
        NothingChosenError: They are of several steps, or some of none, and none is of this one.
    """
    if said is None:
        return images, None
    steps = steps_of(images)
    wanted = {step for step in steps if said in (step.name, str(step.index), step_text(step))}
    if wanted:
        others = [image for image in images if image.keywords.get("step") not in wanted]
        found.skip("not chosen", (image.file.path for image in others))
        return [image for image in images if image.keywords.get("step") in wanted], None
    if len({image.keywords.get("step") for image in images}) > 1:  # they would take each other's places
        there = ", ".join(map(step_text, steps))
        raise NothingChosenError(f"none of {len(images)} images is of the step {said!r}; there are: {there}")
    return images, said


def choose_labels(found: Found, images: list[FoundImage]) -> list[FoundImage]:
    """Take the labels among images, and note the others as skipped; all if none is known to be labels."""
    labels = [image for image in images if image.keywords.get("kind") == "labels"]
    if not labels:
        return images
    others = (image for image in images if image.keywords.get("kind") != "labels")
    found.skip("not chosen", (image.file.path for image in others))
    return labels
