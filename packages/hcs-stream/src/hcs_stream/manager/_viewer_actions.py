"""What can be done with viewers: the window's actions, and what each does."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtGui import QAction, QGuiApplication, QKeySequence

from hcs_protocol import runtime_folders
from hcs_stream._added_files import HostWantedError, add_remote
from hcs_stream._logs import last_lines, output_path
from hcs_stream._viewer import Viewer

from ._condition import Process
from ._dialogs import Dialogs
from ._errands import Errands, closes_late, quit_viewer, start, take_screenshot
from ._instances import Instance, Instances, Launching
from ._launching import kinds, next_free_port
from ._main_thread import MainThread
from ._remembered import Launched, Remembered

Then = Callable[[object, Exception | None], None]


class ViewerActions(QObject):
    """The actions, enabled as far as they make sense for what is chosen."""

    said = Signal(str)
    """Something that the status bar should say."""
    log_wanted = Signal(str, object)
    """Of the viewer with this title; the object reads so many of its last lines."""

    def __init__(
        self,
        instances: Instances,
        errands: Errands,
        dialogs: Dialogs,
        remembered: Remembered,
        clock: Callable[[], float],
        look: Callable[[], None],
        parent: QObject,
    ) -> None:
        """Make the actions.

        Args:
            instances: The list, which is told what is done.
            errands: Runs what may wait.
            dialogs: Ask what is to be known first.
            remembered: Launches and the last folder.
            clock: That of the instances.
            look: Looks for changes at once.
            parent: The window.
        """
        super().__init__(parent)
        self._instances, self._errands, self._dialogs = instances, errands, dialogs
        self._remembered, self._clock, self._look = remembered, clock, look
        self._main_thread = MainThread(self)
        self._listed: Sequence[Instance] = ()
        self._selected: Sequence[Instance] = ()
        self._killed: set[str] = set()
        new = self._action
        self.launch = new("&Launch viewer…", "Ctrl+N", "Start a viewer", self._launch)
        self.add = new("Add &remote viewer…", "Ctrl+Shift+N", "By its connection file", self._add)
        self.quit = new("&Quit viewer", "Delete", "Ask it to close", self._quit)
        self.kill = new("Force &kill…", "Shift+Delete", "End its process, whatever it does", self._kill)
        self.log = new("Show &log", "Ctrl+L", "What it wrote last", self._log)
        self.screenshot = new(
            "Save &screenshot…", "Ctrl+Shift+S", "What its window looks like", self._screenshot
        )
        self.copy_path = new(
            "&Copy path of connection file", "Ctrl+Shift+C", "Who has the file can use the viewer", self._copy
        )
        self.dismiss = new("&Dismiss", "Ctrl+D", "List it no longer", self._dismiss)
        self.refresh = new("Re&fresh", "F5", "Look and ask at once", look)
        for action in (self.quit, self.kill, self.dismiss):
            action.setShortcutContext(
                Qt.ShortcutContext.WidgetWithChildrenShortcut
            )  # Delete is not ours alone
        self.of_one = [self.log, self.screenshot, self.copy_path]
        self.choose([], [])

    def choose(self, selected: Sequence[Instance], listed: Sequence[Instance]) -> None:
        """Let the actions be about these."""
        self._selected, self._listed = selected, listed
        living = [each for each in selected if not each.is_over]
        over = [each for each in selected if each.is_over]
        self.quit.setEnabled(any(each.connection for each in living))
        self.kill.setEnabled(any(_can_be_killed(each) for each in living))
        self.dismiss.setEnabled(any(_can_be_dismissed(each) for each in selected))
        self.log.setEnabled(len(selected) == 1)
        self.screenshot.setEnabled(len(selected) == 1 and bool(selected[0].target))
        self.copy_path.setEnabled(len(selected) == 1 and bool(selected[0].path))
        self._delete_means(self.dismiss if over and not living else self.quit)

    def _delete_means(self, action: QAction) -> None:
        delete = QKeySequence("Delete")
        other = self.quit if action is self.dismiss else self.dismiss
        if delete not in action.shortcuts():
            other.setShortcuts([keys for keys in other.shortcuts() if keys != delete])
            action.setShortcuts([*action.shortcuts(), delete])

    # What they do.

    def _launch(self) -> None:
        taken = {each.data_port for each in self._listed if not each.is_over}
        self._do(partial(_offer, taken), lambda offered, error: self._ask_launch(offered, taken))

    def _ask_launch(self, offered: object, taken: set[int]) -> None:
        port, installed = offered if isinstance(offered, tuple) else (5555, ["napari"])
        launched = self._dialogs.launch(port, taken, installed, self._remembered.launches)
        if launched is None:
            return
        self._remembered.add_launch(launched)
        named = launched.title or f"Viewer {launched.data_port}"
        key = self._instances.launch(Launching(title=named, data_port=launched.data_port, at=self._clock()))
        self.said.emit(f"Starting a viewer on port {launched.data_port}…")
        self._do(partial(start, launched), partial(self._launched, key, launched))
        self._look()

    def _launched(self, key: str, launched: Launched, viewer: object, error: Exception | None) -> None:
        if error:
            self._instances.launch_failed(key, str(error))
            self.said.emit(f"No viewer was started on port {launched.data_port}: {_first_line(error)}")
        elif isinstance(viewer, Viewer):
            self._instances.dismiss(key)
            self.said.emit(f"{viewer.connection.title!r} is ready on port {viewer.connection.data_port}.")
        self._look()

    def _quit(self) -> None:
        for each in self._selected:
            if (viewer := _viewer(each)) and not each.is_over:
                self._instances.close(each.key)
                self.said.emit(f"Asking {each.title!r} on port {each.data_port} to close…")
                self._do(partial(quit_viewer, viewer), partial(self._has_quit, each, viewer))
        self._look()

    def _has_quit(self, instance: Instance, viewer: Viewer, _: object, error: Exception | None) -> None:
        if error:
            self._instances.stays(instance.key, str(error))
            self.said.emit(f"{instance.title!r} on port {instance.data_port}: {_first_line(error)}")
            wait = partial(closes_late, viewer, self._errands.is_ending)
            self._do(wait, lambda is_gone, _: self._is_gone(instance) if is_gone else None)
        else:
            self._is_gone(instance)
        self._look()

    def _is_gone(self, instance: Instance) -> None:
        if instance.key in self._killed:  # while its goodbye was waited for
            return
        self._instances.dismiss(instance.key)
        self.said.emit(f"{instance.title!r} on port {instance.data_port} said goodbye and is gone.")

    def _kill(self) -> None:
        for each in [each for each in self._selected if _can_be_killed(each)]:
            viewer = _viewer(each)
            if viewer is None or not self._dialogs.confirm(*_kill_question(each, viewer.connection.pid)):
                continue
            self._killed.add(each.key)
            self._do(viewer.kill, partial(self._has_killed, each, viewer.connection.pid))

    def _has_killed(self, instance: Instance, pid: int, _: object, error: Exception | None) -> None:
        if error:
            self._killed.discard(instance.key)
            self._dialogs.tell(f"{instance.title!r} was not killed.", str(error))
        else:
            self._instances.ended(instance.key, f"process {pid} was killed from here; its port is free")
            self.said.emit(f"Killed process {pid}; port {instance.data_port} is free.")
        self._look()

    def _log(self) -> None:
        for each in self._selected[:1]:
            viewer = _viewer(each)
            self.log_wanted.emit(each.title, viewer.log if viewer else partial(_output, each.data_port))

    def _screenshot(self) -> None:
        for each in self._selected[:1]:
            viewer = _viewer(each)
            proposed = Path(self._remembered.folder or Path.home()) / f"viewer-{each.data_port}.png"
            if viewer and (path := self._dialogs.picture_to_save(proposed)):
                self._remembered.folder = str(path.parent)
                self._do(partial(take_screenshot, viewer, path), partial(self._has_shot, path))

    def _has_shot(self, path: Path, _: object, error: Exception | None) -> None:
        if error:
            self._dialogs.tell("No screenshot was saved.", str(error))
        else:
            self.said.emit(f"Saved {path}.")

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        for each in self._selected[:1]:
            if clipboard is not None:
                clipboard.setText(str(each.path))
                self.said.emit(f"Copied {each.path}.")

    def _dismiss(self) -> None:
        for each in [each for each in self._selected if _can_be_dismissed(each)]:
            self._instances.dismiss(each.key)
            if viewer := _viewer(each):
                self._do(viewer.forget, lambda *_: None)
        self._look()

    def _add(self) -> None:
        if source := self._dialogs.connection_file(self._remembered.folder):
            self._remembered.folder = str(source.parent)
            self._add_from(source, None)

    def _add_from(self, source: Path, host: str | None) -> None:
        self._do(partial(add_remote, source, runtime_folders(), host), partial(self._added, source))

    def _added(self, source: Path, path: object, error: Exception | None) -> None:
        if isinstance(error, HostWantedError):
            if host := self._dialogs.host(f"{str(error)[:1].upper()}{str(error)[1:]}"):
                self._add_from(source, host)
        elif error:
            self._dialogs.tell("No viewer was added.", str(error))
        else:
            self.said.emit(f"Added {path}.")
        self._look()

    def _do(self, call: Callable[[], object], then: Then) -> None:
        """Call in a thread, and say in the window's what came of it."""
        self._errands.run(call, lambda result, error: self._main_thread.call(lambda: then(result, error)))

    def _action(self, text: str, shortcut: str, explained: str, do: Callable[[], None]) -> QAction:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(shortcut))
        shown = QKeySequence(shortcut).toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip(f"{explained} ({shown})")
        action.setStatusTip(explained)
        action.triggered.connect(lambda _checked=False: do())
        return action


def _offer(taken: set[int]) -> tuple[int, list[str]]:
    return next_free_port(taken), kinds()


def _output(data_port: int, count: int) -> str:
    return "\n".join(last_lines(output_path(data_port), count))


def _viewer(instance: Instance) -> Viewer | None:
    if instance.connection is None or instance.path is None:
        return None
    return Viewer(instance.connection, instance.path)


def _can_be_killed(instance: Instance) -> bool:
    return (
        instance.process in {Process.RUNS, Process.STOPPED}
        and instance.connection is not None
        and instance.connection.owns_process
    )


def _can_be_dismissed(instance: Instance) -> bool:
    return instance.is_over or (
        instance.process is Process.ELSEWHERE and instance.condition.word in {"not answering", "failed"}
    )


def _kill_question(instance: Instance, pid: int) -> tuple[str, str, str]:
    question = f"Kill process {pid}, the viewer {instance.title!r} on port {instance.data_port}?"
    explained = (
        "What it shows is lost. Images that it has not taken yet stay with their pipelines, "
        "and go to the next viewer on this port."
    )
    return question, explained, "Force kill"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
