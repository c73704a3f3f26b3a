"""A viewer's store that looks at every pixel and writes the image down before anybody is told."""

from pathlib import Path

from hcs_protocol import ImageReady, ImageSpec
from hcs_viewer._shelf import PixelsFile
from hcs_viewer._store import PixelSource, Store

from ._images import Name, address, identify
from ._ledger import Diary


class DiaryStore(Store):
    """Keeps images as the viewer's own does."""

    def __init__(self, diary: Path, budget: int | None = None) -> None:
        super().__init__(budget=budget)
        self._diary = Diary(diary)
        self._names: dict[int, Name] = {}

    def keep(self, spec: ImageSpec, source: PixelSource, file: PixelsFile | None = None) -> int:
        """Copy an image, check the copy, and write down which it is; the release goes out after that."""
        number = super().keep(spec, source, file)
        name, is_whole = identify(self.get(number).pixels.data.cast("B"))
        self._names[number] = name
        self._diary.adopted(name, is_whole=is_whole)
        return number

    def forget(self, number: int) -> None:
        """Forget an image."""
        super().forget(number)
        self._names.pop(number, None)

    def check_place(self, number: int, ready: ImageReady) -> None:
        """Write down an image that came with another one's address."""
        name, components = self._names[number], ready.address.components
        belongs = address(name, ready.spec.shape)
        if any(components.value(component) != value for component, value in belongs.items()):
            self._diary.misplaced(name)
