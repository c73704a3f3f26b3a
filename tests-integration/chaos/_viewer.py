"""The program of a viewer: the real one, with a store that writes down what it adopts."""

from . import _clock  # noqa: F401  # isort: skip  # before anything that asks for the time

import faulthandler
import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import msgspec

from hcs_protocol import Done, Failed, Shutdown
from hcs_shm import BlockReader, sweep
from hcs_viewer import ViewerSettings
from hcs_viewer._assembly import run_window
from hcs_viewer._inbox import Answer, ArrivedImage, Inbox, Question, ShownImage, ToReceiver, ToWindow
from hcs_viewer._presence import Presence
from hcs_viewer._process import end_on_signals, end_with_parent, run_viewer, set_up_logs
from hcs_viewer._store import Store

from ._diary_store import DiaryStore
from ._orders import ViewerOrders
from ._planted import plant_in_viewer

LOOK_SECONDS = 0.2


def main(orders: ViewerOrders) -> None:
    """Run one life of a viewer, as `hcs_viewer` does, with parts of our own."""
    os.environ["NAPARI_CONFIG"] = ""
    settings = ViewerSettings(data_port=orders.port, bind=orders.host, next_free=True)
    set_up_logs(settings)
    end_on_signals(lambda: sys.exit(0))
    end_with_parent()
    orphans = plant_in_viewer(orders.plant)
    try:
        run_viewer(
            settings,
            blocks=BlockReader(),
            orphans=orphans,
            run_window=run_window if orders.has_window else partial(run_without_window, orders.pause),
            store=DiaryStore(Path(orders.diary), orders.memory),
        )
    finally:
        sweep()


def run_without_window(
    pause: float,
    settings: ViewerSettings,
    store: Store,
    to_window: Inbox[ToWindow],
    to_receiver: Inbox[ToReceiver],
    presence: Presence,
) -> None:
    """Do what a window does, without one: look at each image, say that it is shown, and forget it."""
    assert isinstance(store, DiaryStore)
    rung = threading.Event()
    to_window.wake_by(rung.set)
    presence.state = "ready"
    sys.stdout.write(f"ready  data {settings.data_port}  control {settings.data_port + 1000}\n")
    sys.stdout.flush()
    is_asked_to_end = False
    while not is_asked_to_end:
        rung.wait(LOOK_SECONDS)
        rung.clear()
        presence.see_window()
        while (entry := to_window.take()) is not None:
            is_asked_to_end |= isinstance(entry, Question) and isinstance(entry.request, Shutdown)
            if pause and isinstance(entry, ArrivedImage):
                time.sleep(pause)
            if answer := _answer(entry, store, presence):
                to_receiver.put(answer)


def _answer(entry: ToWindow, store: DiaryStore, presence: Presence) -> ToReceiver | None:
    match entry:
        case ArrivedImage(ready=ready, number=number):
            store.check_place(number, ready)
            store.forget(number)
            return ShownImage(entry.worker_run, ready.sequence, presence.clock() - entry.adopted_at)
        case Question(identity=identity, request=Shutdown(id=request)):
            return Answer(identity, Done(reply_to=request))
        case Question(identity=identity, request=request):
            return Answer(identity, Failed(reply_to=request.id, error="there is no window"))
        case _:
            return None


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)
    main(msgspec.json.decode(sys.argv[1], type=ViewerOrders))
