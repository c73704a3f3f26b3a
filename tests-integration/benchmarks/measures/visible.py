"""From send to screen: ours against napari's own call, of the same image and in turns."""

from contextlib import ExitStack

from lanes.places import Places

from .real_windows import NANOSECONDS, OurSender, OurWindow, PlainWindow
from .report import Report
from .window_extent import WindowExtent


class Turns:
    """A fresh viewer of ours and a fresh napari window, which take turns."""

    def __init__(self, places: Places, children: ExitStack, extent: WindowExtent) -> None:
        self._window = OurWindow(places, children)
        self._plain = PlainWindow(places, children, extent.shape)
        self._sender = OurSender(places, children, extent.shape)
        self._sender.connect(self._window)
        self._plain.child.wait_until_ready()
        self._number = 0

    def first(self) -> tuple[float, float]:
        """Empty both, and show one image; returns seconds until it is painted, of ours and of theirs."""
        self._sender.child.ask("clear")
        self._plain.child.ask("clear")
        return self._in_turn("add")

    def next(self, how: str) -> tuple[float, float]:
        """Show one more image where there is one; the other window does it by this command."""
        return self._in_turn(how)

    def _in_turn(self, how: str) -> tuple[float, float]:
        self._number += 1
        self._settle()
        if self._number % 2:
            ours = self._ours()
            self._settle()
            return ours, self._plain.show(how, self._number)
        theirs = self._plain.show(how, self._number)
        self._settle()
        return self._ours(), theirs

    def _ours(self) -> float:
        ((began, _),) = self._sender.send("same")
        return (self._window.painted(self._sender.sent) - began) / NANOSECONDS

    def _settle(self) -> None:
        for window in (self._window, self._plain):
            window.child.tell("settle")
        for window in (self._window, self._plain):
            window.child.hear()


def measure_visible(report: Report, places: Places, extent: WindowExtent) -> None:
    """Note ``first_image_visible_x_add_image`` and ``image_visible_p50_x_refresh_paint``."""
    times: dict[str, list[tuple[float, float]]] = {}
    for _ in range(extent.viewers):
        with ExitStack() as children:
            turns = Turns(places, children, extent)
            for turn in range(extent.firsts):
                pair = turns.first()
                times.setdefault("add_image", []).append(pair)
                if not turn:
                    times.setdefault("add_image in a fresh viewer", []).append(pair)
            for _ in range(extent.visible):
                times.setdefault("refresh", []).append(turns.next("refresh"))
                times.setdefault("set_data", []).append(turns.next("set_data"))
    keys = {
        "add_image": "first_image_visible_x_add_image",
        "add_image in a fresh viewer": "first_image_of_a_viewer_x_add_image",
        "refresh": "image_visible_p50_x_refresh_paint",
        "set_data": "image_visible_p50_x_set_data_paint",
    }
    for how, key in keys.items():
        ours, theirs = zip(*times[how], strict=True)
        report.compare(key, ours, theirs, len(ours))
        report.note(f"visible, ours beside {how}", ours)
        report.note(f"visible, {how}", theirs)
