"""Stands in for a pipeline's streaming: sends what its steps made, when the pipeline sent it."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import tifffile
from lanes.commands import Answer, serve

import hcs_stream

from .steps import KINDS, through_all


class Replayer:
    """Has made all results beforehand."""

    def __init__(self, port: str, *distinct: str) -> None:
        """Connect.

        Args:
            port: The viewer's.
            *distinct: The images of the sites 1, 2, …, which are the same in all wells.
        """
        self._results = [through_all(tifffile.imread(path)) for path in distinct]
        self._stream = hcs_stream.connect(data_port=int(port))

    def replay(self, sends: Sequence[Mapping[str, Any]]) -> Answer:
        """Send again what a pipeline sent, each image as long after the beginning as it did."""
        began = time.monotonic()
        late = 0.0
        for send in sends:
            time.sleep(max(0.0, began + send["after"] - time.monotonic()))
            late = max(late, time.monotonic() - began - send["after"])
            number, name = send["step"]
            self._stream.send(
                self._results[send["site"] - 1][number - 1],
                plate="Bench",
                channel="1",
                well=send["well"],
                site=send["site"],
                step=(number, name),
                kind=KINDS[number - 1],
            )
        return {"published": len(sends), "late": late}

    def close(self) -> None:
        """Close the stream."""
        self._stream.close(5.0)


def main() -> None:
    """Be a replayer that sends to the viewer of this port."""
    replayer = Replayer(*sys.argv[1:])
    serve({"replay": replayer.replay})
    replayer.close()


if __name__ == "__main__":
    main()
