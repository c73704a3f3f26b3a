"""What happens between machines: each scenario runs real processes and returns what became of all images."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chaos._audit import Account
from chaos._orders import Load
from pyvirtualdisplay.display import Display

from ._machines import Slowness
from ._scene import NBYTES, SHAPE, Host, Scene, Shown, new_scene

Act = Callable[[], None]

MANY = 5000


@dataclass
class Outcome:
    """How a scenario went."""

    account: Account = field(default_factory=Account)
    shown: Counter[str] = field(default_factory=Counter)
    """What the viewers counted."""
    cuts: int = 0
    in_flight: list[int] = field(default_factory=list)
    """At each cut."""
    resent: int = 0
    spilled: int = 0

    @property
    def lost(self) -> int:
        """Images that were published, adopted by nobody and dropped by no policy; and refused ones."""
        return self.account.lost + self.shown["refused"]

    @property
    def shown_twice(self) -> int:
        """Images that a viewer took in twice, or put into layers more often than it took them in."""
        return self.account.twice + max(0, self.shown["shown"] - self.shown["adopted"])

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return self.account.is_clean and not (self.lost or self.shown_twice)

    def report(self) -> dict[str, object]:
        """Return it in words and numbers."""
        account = self.account
        return {
            "images": account.images,
            "lost": self.lost,
            "shown_twice": self.shown_twice,
            "corrupt": account.corrupt,
            "unaccounted": account.unaccounted,
            "dropped": dict(account.dropped),
            "cuts": self.cuts,
            "in_flight": self.in_flight,
            "resent": self.resent,
            "spilled": self.spilled,
            "viewer": dict(self.shown),
        }


def load(images: int, *, window: int = 150, pause: float = 0.02) -> Load:
    """Return what a worker does that publishes so many images of 512² uint16, in all ways there are."""
    return Load(threads=1, window=window, pause=pause, largest=NBYTES, shape=SHAPE, images=images)


def cut_link(
    images: int = 10_000, cuts: int = 5, *, seconds: float = 3.0, has_window: bool = False
) -> Outcome:
    """Cut the link between worker and viewer again and again, each time in another way, while images flow.

    Args:
        images: How many.
        cuts: How often.
        seconds: How long the first cut lasts; each one half as long again.
        has_window: Whether the viewer has a napari window.
    """
    with _display(has_window), new_scene() as scene:
        here, there = scene.host(), scene.host()
        scene.start_viewer(there, has_window=has_window)
        few = load(images, window=16, pause=0.5)  # which last for all cuts
        worker = scene.start_worker(here, there, load(images) if images >= MANY else few)
        ways = itertools.cycle(_ways_to_cut(here, there))
        for number, (act, undo) in zip(range(cuts), ways, strict=False):
            scene.await_published((number + 1) * images // (cuts + 1))
            with scene.cut(worker, act, undo):
                scene.last(seconds * (1 + number / 2))
        return _outcome(scene, there, images)


def away_for_long(images: int = 400, *, seconds: float = 75.0) -> Outcome:
    """Let the link be away for longer than anything waits, and publish meanwhile."""
    with new_scene() as scene:
        here, there = scene.host(), scene.host()
        scene.start_viewer(there)
        worker = scene.start_worker(here, there, load(images, window=16))
        scene.await_published(images // 4)
        with scene.cut(worker, there.machine.vanish, there.machine.reappear):
            scene.last(seconds)
        return _outcome(scene, there, images)


def two_hosts(images: int = 400) -> Outcome:
    """Stream from two machines to one viewer, and cut one of them off for a while."""
    with new_scene() as scene:
        first, second, there = scene.host(), scene.host(), scene.host()
        scene.start_viewer(there)
        steady = load(images, window=-1)
        cut_off, _ = [scene.start_worker(host, there, steady) for host in (first, second)]
        scene.await_published(images // 2)
        with scene.cut(cut_off, first.machine.vanish, first.machine.reappear):
            scene.last(4.0)
        return _outcome(scene, there, 2 * images)


def overloaded(images: int = 600, *, overflow: str = "spill") -> Outcome:
    """Stream more than the viewer takes in: what becomes of the images is the worker's policy's affair."""
    with new_scene() as scene:
        here, there = scene.host(), scene.host()
        scene.start_viewer(there, memory=64 << 20, pause=0.01)
        scene.start_worker(here, there, load(images, window=1 << 30), overflow=overflow)
        scene.await_published(images)
        return _outcome(scene, there)


def slow_link(images: int = 40) -> Outcome:
    """Stream over 1 Gbit/s with 20 ms and 1 % loss in each direction."""
    with new_scene() as scene:
        here, there = scene.host(Slowness()), scene.host()
        scene.start_viewer(there)
        scene.start_worker(here, there, load(images))
        return _outcome(scene, there, images, seconds=600.0)


def thin_link(images: int = 16, *, rate: str = "4mbit", queue: str = "2mb") -> Outcome:
    """Stream over a thin line whose router keeps a long queue: answers come late, and nothing is away."""
    with new_scene() as scene:
        here, there = scene.host(), scene.host()
        scene.start_viewer(there)
        there.machine.throttle(rate, queue)
        scene.start_worker(here, there, load(images))
        return _outcome(scene, there, images, seconds=600.0)


def viewer_vanishes(images: int = 400) -> Outcome:
    """Let the viewer's machine go without a word, and another one come at its address with a new viewer."""
    with new_scene() as scene:
        here, there = scene.host(), scene.host()
        first = scene.start_viewer(there)
        worker = scene.start_worker(here, there, load(images))
        scene.await_published(images // 2)
        with scene.cut(worker, there.machine.vanish, there.machine.reappear):
            first.kill()  # nobody hears of it
            scene.start_viewer(there)
        scene.copy_connection(there, here)
        return _outcome(scene, there)


def _ways_to_cut(here: Host, there: Host) -> Iterator[tuple[Act, Act]]:
    yield there.machine.unplug, there.machine.plug_in
    yield there.machine.vanish, there.machine.reappear
    yield here.machine.take_down, here.machine.bring_up
    yield there.machine.mute, there.machine.unmute
    yield here.machine.mute, here.machine.unmute


def _outcome(scene: Scene, there: Host, images: int = 0, *, seconds: float = 180.0) -> Outcome:
    """Wait until so many images are published and all are adopted and shown, and account for each."""
    scene.await_published(images)
    told = scene.await_adopted(seconds)
    shown: Shown = scene.ask(there)
    return Outcome(
        account=scene.audit(),
        shown=Counter({name: getattr(shown, name) for name in shown.__struct_fields__}),
        cuts=len(scene.in_flight),
        in_flight=scene.in_flight,
        resent=sum(status.resent for status in told),
        spilled=sum(status.spilled for status in told),
    )


@contextmanager
def _display(is_wanted: bool) -> Iterator[None]:
    if not is_wanted:
        yield
        return
    with Display(size=(1600, 1200)):
        yield
