"""Open a napari window that shows what image-processing pipelines send to it, while they run.

The window stays when a pipeline is gone, and the next one finds it again by its port.
Without a port of its own it is the viewer that hcs_stream.connect() looks for.

Examples:
  hcs-viewer                                     listen on data port 5555, control port 6555
  hcs-viewer --data-port 5557 --title "Assay 7"  a second viewer beside it
  hcs-viewer --next-free                         take the next free ports if 5555 is taken
  hcs-viewer connection --ssh user@server        let pipelines on another machine stream to one that runs
  hcs-viewer --bind 10.0.0.9                     be reached from other machines, with its connection file

A connection file in the user's runtime folder says where the viewer listens and holds its keys.
Exit status: 0 closed, 1 could not start, 2 wrong usage, 3 port taken, 4 no display or no OpenGL.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hcs_protocol import (
    DATA_PORT,
    HcsError,
    InvalidPortError,
    NoDisplayError,
    NoFreePortsError,
    check_data_port,
)

from ._assembly import open_viewer
from ._display import check_display
from ._memory import DEFAULT_MEMORY, memory_nbytes
from ._path_map import PathMap, path_maps
from ._process import allow_many_files, end_on_signals, end_with_parent, have_cache, set_up_logs
from ._settings import ExposedViewerError, ViewerSettings

if TYPE_CHECKING:
    import napari

CONNECTION = "connection"
MOST_MILLISECONDS = 10_000
OF_SPARES = ("spare", "settle")
PACE = {
    "frame_milliseconds": "from one frame to the next while images flood in, at least",
    "budget_milliseconds": "for laying out what arrived, per frame",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the viewer and return its exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == [CONNECTION]:
        from ._connection_command import connection_command  # which needs nothing of a window

        return connection_command(words[1:])
    options = _options(arguments)
    os.environ.setdefault("NAPARI_CONFIG", "")  # not the settings of the user's own napari
    have_cache()
    try:
        check_display()
    except NoDisplayError as error:
        return _fail(error, 4)
    if options["spare"]:
        return _wait_as_spare(options["spare"], options["settle"])
    return _run(_settings(options))


def _wait_as_spare(place: Path, settle: float) -> int:
    """Be a viewer when somebody takes this process, unless there is a spare at this place already."""
    from ._spare import Door, become, only_spare, say_status  # what others than spares start without

    with only_spare(place) as is_only:
        if not is_only:
            return 0
        door = Door(place)  # which knows by now what is installed
        time.sleep(settle)  # whoever has just got a viewer needs the processor
        from ._hidden import hidden_viewer, wait_at  # napari, which takes seconds

        viewer = hidden_viewer()
        try:
            taken = wait_at(door)
        except OSError as error:
            return _fail(error, 1)
    if taken is None:
        return 0
    become(taken)
    status = 1
    try:
        status = _run(_settings(_options(taken.request.arguments)), viewer)
    finally:
        say_status(taken, status)
    return status


def _run(settings: ViewerSettings, viewer: "napari.Viewer | None" = None) -> int:
    set_up_logs(settings)
    allow_many_files()
    end_on_signals(lambda: sys.exit(0))
    if settings.stdin_is_parent:
        end_with_parent()
    try:
        open_viewer(settings, viewer)
    except NoFreePortsError as error:
        return _fail(error, 3)
    except NoDisplayError as error:
        return _fail(error, 4)
    except HcsError as error:
        return _fail(error, 1)
    return 0


def _settings(options: dict[str, Any]) -> ViewerSettings:
    return ViewerSettings(**{name: value for name, value in options.items() if name not in OF_SPARES})


def _options(arguments: Sequence[str] | None) -> dict[str, Any]:
    defaults = ViewerSettings()
    parser = argparse.ArgumentParser(
        prog="hcs-viewer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data-port",
        type=_data_port,
        default=os.environ.get("HCS_DATA_PORT") or DATA_PORT,
        metavar="PORT",
        help="where images come in (default $HCS_DATA_PORT, else 5555); control is 1000 above",
    )
    parser.add_argument("--title", default=defaults.title, help="the window's title")
    parser.add_argument(
        "--bind",
        default=defaults.bind,
        metavar="ADDRESS",
        help="the address to listen on (default %(default)s: this machine only)",
    )
    parser.add_argument(
        "--insecure", action="store_true", help="let everybody on this machine in, without keys"
    )
    parser.add_argument(
        "--next-free", action="store_true", help="if a port is taken, take the next free pair"
    )
    for name, means in PACE.items():
        variable = f"HCS_VIEWER_{name.upper()}"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_milliseconds,
            default=os.environ.get(variable) or getattr(defaults, name),
            metavar="MS",
            help=f"{means} (default ${variable}, else {getattr(defaults, name):g})",
        )
    parser.add_argument(
        "--memory",
        type=_memory,
        default=os.environ.get("HCS_VIEWER_MEMORY") or DEFAULT_MEMORY,
        metavar="SIZE",
        help="for images, as 4G, 500M or 25%% (default $HCS_VIEWER_MEMORY, else a quarter); more go to disk",
    )
    parser.add_argument(
        "--follow",
        action="store_true",
        default=os.environ.get("HCS_VIEWER_FOLLOW") == "1",
        help="follow the newest image from the start (also $HCS_VIEWER_FOLLOW=1)",
    )
    parser.add_argument(
        "--path-map",
        action="append",
        type=_path_map,
        metavar="THERE=HERE",
        help="files that workers of other machines name lie here, as /data/plates=Z:/plates; several times "
        "for several (default $HCS_PATH_MAP, with ; in between)",
    )
    parser.add_argument("--stdin-is-parent", action="store_true", help="end when standard input ends")
    parser.add_argument("--verbose", action="store_true", help="log more")
    parser.add_argument(
        "--spare",
        type=Path,
        metavar="SOCKET",
        help="wait, hidden and primed, until a pipeline wants a viewer; $HCS_VIEWER_SPARE=1 starts one",
    )
    parser.add_argument("--settle", type=float, default=0.0, help=argparse.SUPPRESS)
    options = vars(parser.parse_args(arguments))
    try:
        options["path_map"] = tuple(
            options["path_map"] or map(_path_map, path_maps(os.environ.get("HCS_PATH_MAP") or ""))
        )
        _settings(options)
    except argparse.ArgumentTypeError as error:
        parser.error(f"HCS_PATH_MAP: {error}")
    except ExposedViewerError as error:
        parser.error(str(error))
    return options


def _path_map(text: str) -> str:
    try:
        PathMap.of([text])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _data_port(text: str) -> int:
    try:
        return check_data_port(int(text))
    except InvalidPortError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"wanted a number, got {text!r}") from error


def _milliseconds(text: str) -> float:
    try:
        milliseconds = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"wanted milliseconds, got {text!r}") from error
    if not 0 < milliseconds <= MOST_MILLISECONDS:
        raise argparse.ArgumentTypeError(f"wanted more than 0 and at most {MOST_MILLISECONDS}, got {text!r}")
    return milliseconds


def _memory(text: str) -> int:
    try:
        return memory_nbytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _fail(error: Exception, status: int) -> int:
    sys.stderr.write(f"hcs-viewer: {error}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
