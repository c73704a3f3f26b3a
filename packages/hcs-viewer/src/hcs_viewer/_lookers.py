"""Who looks at which images: these stay in memory, or come back to it."""

import weakref
from collections import Counter, deque
from collections.abc import Iterable, Iterator

import msgspec

_Ref = weakref.ref[object]


class _Look(msgspec.Struct, eq=False):
    numbers: tuple[int, ...]
    waits: dict[int, None]
    """The numbers of those that are not in memory, in order."""
    copied_nbytes: int
    is_refused: bool


class Lookers:
    """Remembers of each looker what it looked at last, for as long as it lives; not for several threads."""

    def __init__(self) -> None:
        self._looks: dict[_Ref, _Look] = {}
        """The one that looked last comes last."""
        self._uses: Counter[int] = Counter()
        self._gone: deque[_Ref] = deque()

    def note(
        self,
        looker: object,
        numbers: Iterable[int] = (),
        *,
        waits: Iterable[int] = (),
        copied_nbytes: int = 0,
        is_refused: bool = False,
    ) -> None:
        """Note what somebody looks at from now on, instead of what it looked at before.

        Args:
            looker: Who looks; it is not kept alive.
            numbers: Of the images that have to be in memory.
            waits: Those of them that are not.
            copied_nbytes: Of the copy that the looker makes of them.
            is_refused: Whether it looks at nothing because that would be too much.
        """
        self._tidy()
        ref = weakref.ref(looker, self._gone.append)  # in whatever thread, be it in the middle of this
        self._drop(ref)
        look = _Look(tuple(numbers), dict.fromkeys(waits), copied_nbytes, is_refused)
        self._looks[ref] = look
        self._uses.update(look.numbers)

    def came(self, number: int) -> list[object]:
        """Note that an image is in memory, and return the lookers that wait for nothing more."""
        done: list[object] = []
        for ref, look in self._looks.items():
            if number in look.waits:
                del look.waits[number]
                if not look.waits and (looker := ref()) is not None:
                    done.append(looker)
        return done

    def next_awaited(self) -> int | None:
        """Return the image to bring back next, for whoever looked last."""
        self._tidy()
        for look in reversed(self._looks.values()):
            for number in look.waits:
                return number
        return None

    def copied_nbytes(self, but: object) -> int:
        """Return the bytes of the copies that all but one have made."""
        self._tidy()
        return sum(look.copied_nbytes for ref, look in self._looks.items() if ref() is not but)

    @property
    def is_any_refused(self) -> bool:
        """Whether somebody would look at too much."""
        self._tidy()
        return any(look.is_refused for look in self._looks.values())

    def __contains__(self, number: int) -> bool:
        return number in self._uses

    def __iter__(self) -> Iterator[int]:
        return iter(self._uses)

    def _tidy(self) -> None:
        while self._gone:
            self._drop(self._gone.popleft())

    def _drop(self, ref: _Ref) -> None:
        look = self._looks.pop(ref, None)
        for number in look.numbers if look else ():
            self._uses[number] -= 1
            if not self._uses[number]:
                del self._uses[number]
