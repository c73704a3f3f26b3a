"""What the window remembers from one time to the next."""

import contextlib
import logging
from pathlib import Path

import msgspec
import platformdirs

from hcs_protocol import new_id
from hcs_stream._private_files import open_private

logger = logging.getLogger(__name__)

MOST_LAUNCHES = 10
MAX_NBYTES = 1 << 20


class Launched(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer was launched with."""

    title: str = ""
    data_port: int = 5555
    kind: str = ""
    command: str = ""


class Remembered(msgspec.Struct, kw_only=True):
    """The window's state; what is not known has its default."""

    geometry: str = ""
    """Qt's, in base 64."""
    splitter: list[int] = []
    columns: list[int] = []
    folder: str = ""
    """From which a file was taken, or to which one was saved, last."""
    launches: list[Launched] = []
    """The last ones first."""
    folders: list[str] = []
    """Whose images were looked at, the last one first."""

    def add_launch(self, launched: Launched) -> None:
        """Remember a launch as the last one."""
        others = [each for each in self.launches if each != launched]
        self.launches = [launched, *others][:MOST_LAUNCHES]


def remembered_path() -> Path:
    """Return where it is kept."""
    return platformdirs.user_config_path("hcs") / "manager.json"


def recall(path: Path) -> Remembered:
    """Read what was remembered; what is missing or broken is as if it was the first time."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MAX_NBYTES), type=Remembered)
    except FileNotFoundError:
        return Remembered()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        logger.warning("state not read path=%s reason=%s", path, error)
        return Remembered()


def remember(remembered: Remembered, path: Path) -> None:
    """Write it; if it cannot be written, it is forgotten."""
    new = path.with_name(f".{path.name}.{new_id()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(new, "wb", opener=open_private) as file:
            file.write(msgspec.json.format(msgspec.json.encode(remembered)))
        new.replace(path)
    except OSError as error:
        logger.warning("state not written path=%s reason=%s", path, error)
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
