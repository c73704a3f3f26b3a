"""How values and places are called: on the canvas, in the dock, and as people type them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from hcs_protocol import COMPONENTS, Components, Step, layer_name, natural_key

from ._axes import Axes, Value
from ._layer_models import LayerModel

WORDS = {component: component for component in COMPONENTS} | {"z_index": "z"}
NAMED_BY_VALUE = frozenset({"plate", "well", "channel"})
PINNED = "pinned: "
BETWEEN = " · "


def value_words(component: str, value: Value) -> str:
    """Say a value: ``B03``, ``site 2``, ``channel 1``, ``well –``."""
    if value is None:
        return f"{WORDS[component]} –"
    is_name = component in NAMED_BY_VALUE and not str(value).isdecimal()
    return str(value) if is_name else f"{WORDS[component]} {value}"


def step_words(step: Step) -> str:
    """Say a step: ``Step_02_gaussian_blur``."""
    return layer_name(step, Components(), ())


def find_value(component: str, text: str, values: Sequence[Value]) -> Value:
    """Return the value that somebody typed: ``b3`` is ``B03``, ``site 2`` and ``02`` are 2.

    What is no value as a whole is taken for the beginning of one, or for a part of it.

    Raises:
        LookupError: It is like none of the values.
    """
    typed = text.strip().casefold()
    plain = typed.removeprefix(WORDS[component]).strip() or typed
    key = natural_key(plain)
    likeness: tuple[Callable[[str, Value], bool], ...] = (
        lambda said, value: typed == said or plain == str(value).casefold(),
        lambda said, value: natural_key(value) == key,
        lambda said, value: said.startswith(typed) or str(value).casefold().startswith(plain),
        lambda said, value: typed in said,
    )
    for is_like in likeness if typed else ():
        for value in values:
            if is_like(value_words(component, value).casefold(), value):
                return value
    raise LookupError(f"no {WORDS[component]} is like {text!r}")


def find_steps(text: str, steps: Iterable[Step]) -> frozenset[Step]:
    """Return the steps that somebody means: ``blur``, ``2`` or ``Step_02_blur``; a name before an index.

    Raises:
        LookupError: None of them is called so.
    """
    known = frozenset(steps)
    named = frozenset(step for step in known if text in {step.name, step_words(step)})
    numbered = frozenset(step for step in known if text.isdecimal() and int(text) == step.index)
    if not named | numbered:
        there = ", ".join(sorted(map(step_words, known))) or "none with a step"
        raise LookupError(f"no layer is of step {text!r}; there are {there}")
    return named or numbered


def canvas_words(
    at: Mapping[str, Value],
    axes: Axes,
    visible: Sequence[LayerModel],
    *,
    says_step: bool = True,
    nowhere: LayerModel | None = None,
) -> str:
    """Say where the sliders stand and what is seen there, one line; then a line for each pinned step.

    Args:
        at: What the sliders stand for; what is displayed all along its axis is left out.
        axes: The values that have a slider position.
        visible: The layers that are seen, from top to bottom.
        says_step: Whether the step of the topmost layer is told, and the channels of that step alone.
        nowhere: A layer, if there is no image; an image of it is told instead.
    """
    linked = [model for model in visible if not model.pinned]
    lines = [_line(at, axes, linked, says_step=says_step)]
    if nowhere is not None:
        lines[0] = BETWEEN.join(filter(None, (lines[0], _elsewhere_words(at, nowhere))))
    for step in dict.fromkeys(model.key.step for model in visible if model.pinned):
        pinned = [model for model in visible if model.pinned and model.key.step == step]
        lines.append(PINNED + _line({**at, **pinned[0].pinned}, axes, pinned, says_step=True))
    return "\n".join(line for line in lines if line)


def _line(at: Mapping[str, Value], axes: Axes, visible: Sequence[LayerModel], *, says_step: bool) -> str:
    top = visible[0].key.step if visible else None
    told = [model for model in visible if model.key.step == top] if says_step else visible
    told = [model for model in told if model.key.kind == "image"] or told
    parts = [_component_words(c, at[c], axes, told) for c in COMPONENTS if c in at]
    if says_step and top is not None:
        parts.append(step_words(top))
    return BETWEEN.join(part for part in parts if part)


def _elsewhere_words(at: Mapping[str, Value], model: LayerModel) -> str:
    """Say where the last image that came to a layer lies, as far as that is not where the sliders stand."""
    last = dict(zip(COMPONENTS, next(reversed(model.planes), ()), strict=False))
    other = [value_words(c, last[c]) for c in last if c in at and model.moves(c) and last[c] != at[c]]
    return f"no image here, but at {BETWEEN.join(other)}" if other else "no image here"


def _component_words(component: str, value: Value, axes: Axes, models: Iterable[LayerModel]) -> str:
    """Say a component by its slider, or by what its layers are of where it has no slider."""
    axis, place = axes[component], COMPONENTS.index(component)
    if value in axis and (value is not None or len(axis) > 1):
        is_only_timepoint = component == "timepoint" and len(axis) == 1  # most plates are imaged once
        return "" if is_only_timepoint else value_words(component, value)
    names = {name for model in models if (name := model.key.sliced[place]) is not None}
    return " + ".join(value_words(component, name) for name in sorted(names, key=natural_key))
