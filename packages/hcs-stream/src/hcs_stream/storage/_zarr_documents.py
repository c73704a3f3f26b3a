"""What the documents of a plate's groups say, as far as we need to know it; checked when it is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hcs_stream._unreadable import UnreadableImageError

from ._ngff import Json, content_of
from ._zarr_groups import read_attributes
from ._zarr_state import FolderName, WellPath
from ._zarr_written import At

OWN = "hcs"
"""The attribute of groups under which what OME-NGFF has no word for lies."""
NAMES = "names"
DocumentT = TypeVar("DocumentT")


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an image lies that was saved under a name: its planes on t, c, z."""

    planes: tuple[At, ...]
    coloured: bool = False
    stacked: bool = False


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """What a group of ours says of itself."""

    variant: str | None = None
    well: WellPath = ""
    field: FolderName = ""
    names: dict[str, Kept] = {}
    coloured: bool | None = None
    """Of an image that has no place on the plate; None for all others."""

    def is_of(self, field: str, variant: str) -> bool:
        """Say whether it is this field's of this variant: a site may be called as another one's variant."""
        return (self.field, self.variant) == (field, variant)


class Entry(msgspec.Struct, frozen=True):
    """A well of a plate, or a field of a well."""

    path: str


class Wells(msgspec.Struct, frozen=True):
    """What a plate lists."""

    wells: list[Entry] = []
    field_count: int = 1


class Fields(msgspec.Struct, frozen=True):
    """What a well lists."""

    images: list[Entry] = []


class Content(msgspec.Struct, frozen=True):
    """What OME-NGFF says in a group, whichever it is."""

    plate: Wells = Wells()
    well: Fields = Fields()
    labels: list[str] = []


def own_of(group: Path) -> Own | None:
    """Return what a group says of itself in our own words; None if another program made it, or nobody.

    Raises:
        UnreadableImageError: It is damaged.
    """
    found = read_attributes(group).get(OWN)
    return None if found is None else _checked(found, Own, group)


def content_at(group: Path) -> Content:
    """Return what a group says in the words of OME-NGFF.

    Raises:
        UnreadableImageError: It is damaged.
    """
    return _checked(content_of(read_attributes(group)), Content, group)


def with_names(attributes: Mapping[str, Any], names: Mapping[str, Kept]) -> Json:
    """Return a group's attributes with these names in the place of all others."""
    return {**attributes, OWN: {**attributes[OWN], NAMES: msgspec.to_builtins(names)}}


def _checked(found: object, wanted: type[DocumentT], group: Path) -> DocumentT:
    try:
        return msgspec.convert(found, wanted)
    except msgspec.MsgspecError as error:
        raise UnreadableImageError(group, f"damaged metadata ({error})") from error
