"""The program of a viewer under fuzz: receiver and store as they are; its window is a few lines."""

import sys
import threading

from hcs_protocol import Done, Failed, Shutdown
from hcs_shm import BlockReader, Orphans, spill_folder
from hcs_viewer import ViewerSettings
from hcs_viewer._inbox import Answer, ArrivedImage, Inbox, Question, ShownImage, ToReceiver, ToWindow
from hcs_viewer._presence import Presence
from hcs_viewer._process import end_on_signals, end_with_parent, run_viewer, set_up_logs
from hcs_viewer._spilled import SpillFolder
from hcs_viewer._store import Store

LOOK_SECONDS = 0.2
MEMORY = 1 << 26


class FullStore(Store):
    """A store that has no room, and will have none."""

    @property
    def is_full(self) -> bool:
        """Whether there is no room."""
        return True


def main(port: int, *, insecure: bool, full: bool) -> None:
    """Run a viewer until its standard input ends."""
    settings = ViewerSettings(data_port=port, insecure=insecure)
    set_up_logs(settings)
    end_on_signals(lambda: sys.exit(0))
    end_with_parent()
    kind = FullStore if full else Store
    store = kind(budget=MEMORY, folder=SpillFolder(spill_folder()))
    run_viewer(settings, blocks=BlockReader(), orphans=Orphans(), run_window=run_without_window, store=store)


def run_without_window(
    settings: ViewerSettings,
    store: Store,
    to_window: Inbox[ToWindow],
    to_receiver: Inbox[ToReceiver],
    presence: Presence,
) -> None:
    """Do what a window does: look at each image, say that it is shown; here it is forgotten then."""
    rung = threading.Event()
    to_window.wake_by(rung.set)
    presence.state = "ready"
    sys.stdout.write(f"ready  data {settings.data_port}  control {settings.data_port + 1000}\n")
    sys.stdout.flush()
    while True:
        rung.wait(LOOK_SECONDS)
        rung.clear()
        presence.see_window()
        while (entry := to_window.take()) is not None:
            match entry:
                case ArrivedImage(ready=ready, number=number):
                    store.get(number)
                    store.forget(number)
                    seconds = presence.clock() - entry.adopted_at
                    to_receiver.put(ShownImage(entry.worker_run, ready.sequence, seconds))
                case Question(identity=identity, request=Shutdown(id=request)):
                    to_receiver.put(Answer(identity, Done(reply_to=request)))
                    return
                case Question(identity=identity, request=request):
                    to_receiver.put(Answer(identity, Failed(reply_to=request.id, error="there is no window")))


if __name__ == "__main__":
    main(int(sys.argv[1]), insecure="--insecure" in sys.argv, full="--full" in sys.argv)
