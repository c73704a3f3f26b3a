"""The same pipeline on a Dask cluster: whole wells go to its workers, each of which streams by itself.

Without --scheduler, two worker processes are started on this machine. On a cluster, workers find the viewer
by its connection file: copy it to their machines, or run the viewer where they can reach it
(`hcs-viewer --bind`).

    pip install "hcs-stream[dask]" scipy
    python on_a_dask_cluster.py [--scheduler tcp://host:8786] [--plate FOLDER] [--out DIR]
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import distributed
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from synthetic_plate import make_plate

from hcs_stream.microscopes import open_plate
from hcs_stream.pipeline import Pipeline, Step

Pixels = npt.NDArray[Any]


def smooth(image: Pixels) -> Pixels:
    """Take the noise out."""
    return ndimage.gaussian_filter(image, 1.5)


def projection(planes: Pixels) -> Pixels:
    """Keep the brightest of all z-planes, of shape ``(z, y, x)``."""
    return np.asarray(planes.max(axis=0))


pipeline = Pipeline([Step(smooth), Step(projection, group_by="z_index")])


def two_workers() -> distributed.LocalCluster:
    """Start two worker processes on this machine."""
    return distributed.LocalCluster(  # type: ignore[no-untyped-call]  # dask says nothing of types
        n_workers=2, threads_per_worker=1, dashboard_address=":0"
    )


def main() -> None:
    """Run the pipeline on the cluster."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a cluster that runs")
    parser.add_argument("--plate", type=Path, metavar="FOLDER", help="else a small synthetic one")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results are kept; workers see it too")
    options = parser.parse_args()
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory())
        folder = options.plate or make_plate(Path(scratch, "plate"), wells=4, sites=1, shape=(256, 256))
        cluster = options.scheduler or stack.enter_context(two_workers())
        client = stack.enter_context(distributed.Client(cluster))  # type: ignore[no-untyped-call]
        print(pipeline.run(open_plate(folder), options.out, executor=client))


if __name__ == "__main__":
    main()
