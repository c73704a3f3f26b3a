"""From what a caller says to what is sent: addresses, specs, steps; checked before anything is numbered."""

import os
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from operator import index
from typing import SupportsIndex, TypeAlias, TypedDict, TypeVar

import msgspec
import numpy as np

from hcs_protocol import (
    COMPONENTS,
    Batch,
    Components,
    ComponentValue,
    DisplayConfiguration,
    FileRef,
    FrameRef,
    HcsError,
    ImageAddress,
    ImageReady,
    ImageSpec,
    InvalidComponentError,
    Item,
    Kind,
    Step,
    decode,
    encode,
    normalise_well,
)

StepLike: TypeAlias = Step | str | tuple[SupportsIndex, str] | None
"""A step, its name alone (its index is 0 then), or ``(index, name)``; pipelines count from 1."""
Value: TypeAlias = str | SupportsIndex | None
"""What a caller may give as a component: text, or an integer of any library."""

StructT = TypeVar("StructT", bound=msgspec.Struct)
KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

TEXTS = frozenset({"plate", "well"})
LEAST, MOST = -(1 << 63), (1 << 63) - 1
KNOWN = 1 << 12
"""So much that was checked is remembered of each kind: few texts come again and again."""

_texts: dict[str, dict[str, str]] = {name: {} for name in COMPONENTS}
_steps: dict[tuple[int, str], Step] = {}


class ImageKeywords(TypedDict, total=False):
    """What `Stream.send` can be told about an image."""

    plate: Value
    well: Value
    site: Value
    channel: Value
    z_index: Value
    timepoint: Value
    step: StepLike
    kind: Kind
    axes: str | Sequence[str] | None
    pixel_size: float | tuple[float, float] | None
    z_step: float | None
    emission_wavelength: float | None
    display: DisplayConfiguration | None
    file: str | os.PathLike[str] | None
    page: int


def check_keywords(keywords: Mapping[str, object]) -> None:
    """Refuse what `Stream.send` cannot be told.

    Raises:
        TypeError: There is no such keyword.
    """
    if unknown := keywords.keys() - ImageKeywords.__annotations__.keys():
        raise TypeError(f"wanted {', '.join(ImageKeywords.__annotations__)}, got {sorted(unknown)!r}")


def as_components(given: Components | Mapping[str, object]) -> Components:
    """Return components as messages have them.

    Raises:
        InvalidComponentError: There is no such component, or a value is neither text nor an integer.
    """
    if isinstance(given, Components):
        return given
    if unknown := given.keys() - set(COMPONENTS):
        raise InvalidComponentError(f"wanted {', '.join(COMPONENTS)}, got {sorted(unknown)!r}")
    return components_of(given)


def components_of(given: Mapping[str, object]) -> Components:
    """Return the components among these keywords.

    Raises:
        InvalidComponentError: A value is neither text nor an integer.
    """
    values: dict[str, ComponentValue] = {}
    for name in COMPONENTS:
        if (value := given.get(name)) is not None:
            values[name] = _value(name, value)
    return Components(**values)  # type: ignore[arg-type]  # each is what its name wants


def as_values(component: str, values: Iterable[Value]) -> list[ComponentValue]:
    """Return the values that a run declares of one component.

    Raises:
        InvalidComponentError: One of them is neither text nor an integer.
    """
    return [known for value in values if (known := component_value(component, value)) is not None]


def component_text(component: str, value: Value) -> str | None:
    """Return one component's value as text.

    Raises:
        InvalidComponentError: It is neither text nor an integer.
    """
    known = component_value(component, value)
    return None if known is None else str(known)


def component_value(component: str, value: object) -> ComponentValue | None:
    """Return one component's value: integers as int, a well in its one spelling if it has one.

    Raises:
        InvalidComponentError: It is neither text nor an integer of at most 64 bits, or too long a text.
    """
    return None if value is None else _value(component, value)


def _value(component: str, value: object) -> ComponentValue:
    if type(value) is str:
        return _texts[component].get(value) or _checked_text(component, value)
    if type(value) is int and component not in TEXTS and LEAST <= value <= MOST:
        return value
    if isinstance(value, str):
        return _checked_text(component, str(value))
    number = _integer(component, value)
    return _checked_text(component, str(number)) if component in TEXTS else number


def _checked_text(component: str, said: str) -> str:
    text = said
    if component == "well":
        with suppress(InvalidComponentError):  # an image is never lost over a name
            text = normalise_well(said)
    _check({component: text}, Components)
    return _remember(_texts[component], said, text)


def as_step(step: StepLike) -> Step | None:
    """Return a step as messages have it.

    Raises:
        InvalidComponentError: It is no step, or its index is not from 0 to 9999.
    """
    match step:
        case None:
            return None
        case (number, name) if type(number) is int and type(name) is str:
            return _steps.get((number, name)) or _checked_step(number, name)
        case Step(index=number, name=name) | (number, str(name)):
            return _checked_step(_integer("step", number), str(name))
        case str():
            return _checked_step(0, str(step))
        case _:
            raise InvalidComponentError(f"a step is (index, name) or a name, not {step!r}")


def _checked_step(number: int, name: str) -> Step:
    return _remember(_steps, (number, name), _check({"index": number, "name": name}, Step))


def _remember(known: dict[KeyT, ValueT], key: KeyT, value: ValueT) -> ValueT:
    if len(known) >= KNOWN:
        known.clear()
    known[key] = value
    return value


def check_run(run: str) -> str:
    """Return the name of a run, which a viewer will take.

    Raises:
        InvalidComponentError: It is too long, or no Unicode.
    """
    return _check({"run": run}, ImageAddress).run


@lru_cache(1 << 8)
def check_display(display: DisplayConfiguration) -> None:
    """Refuse a display that no viewer can draw.

    Raises:
        InvalidComponentError: It has a text that is too long, or contrast limits that do not rise.
    """
    frame = FrameRef(frame=1, nbytes=1)
    check_item(
        ImageReady(sequence=1, spec=ImageSpec(shape=(1, 1), dtype="uint8"), pixels=frame, display=display)
    )


def _check(fields: dict[str, object], kind: type[StructT]) -> StructT:
    try:
        msgspec.json.encode(fields)
        return msgspec.convert(fields, kind)
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError) as error:
        raise InvalidComponentError(f"no viewer would take {reprlib.repr(fields)}: {error}") from error


def file_ref(keywords: ImageKeywords) -> FileRef | None:
    """Return the file in which an image lies too, with its whole path.

    Raises:
        InvalidComponentError: The file has no such path, or no such page can be.
    """
    file = keywords.get("file")
    if file is None:
        return None
    path, page = os.path.abspath(os.fspath(file)), keywords.get("page", 0)
    try:
        path.encode()
        return msgspec.convert({"type": "file", "path": path, "key": index(page)}, FileRef)
    except (msgspec.ValidationError, TypeError, UnicodeEncodeError) as error:
        raise InvalidComponentError(f"wanted a file's path and the number of its page: {error}") from error


def check_item(item: Item) -> None:
    """Refuse, before it is numbered, what the viewer would refuse as malformed.

    Raises:
        InvalidComponentError: A text is too long or not UTF-8, a number out of its bounds or not finite.
    """
    try:
        decode(encode(Batch(session="check", oldest=1, items=[item])))
    except HcsError as error:
        raise InvalidComponentError(f"no viewer would take this: {error}") from error
    except (UnicodeEncodeError, OverflowError, msgspec.MsgspecError) as error:
        raise InvalidComponentError(f"this cannot be sent: {error}") from error


def _integer(component: str, value: object) -> int:
    wanted = f"{component} is text or an integer, not {value!r}"
    if isinstance(value, bool | np.bool_):
        raise InvalidComponentError(wanted)
    try:
        number = index(value)  # type: ignore[arg-type]  # what is no integer raises
    except TypeError as error:
        raise InvalidComponentError(wanted) from error
    if not LEAST <= number <= MOST:
        raise InvalidComponentError(f"{component} is an integer of at most 64 bits, not {number}")
    return number
