"""Take the images of a plate through the pipeline that a Python file defines.

Examples:
  hcs-stream run pipeline.py /data/plate-7 --out results           all cores but one
  hcs-stream run pipeline.py /data/plate-7 --wells A01 --executor serial     one well, to debug a step
  hcs-stream run pipeline.py /data/plate-7 --out results --resume  go on where an earlier run ended
  hcs-stream run pipeline.py /data/plate-7 --out results --executor tcp://scheduler:8786
  hcs-stream run pipeline.py /data/plate-7 --ssh user@workstation  the viewer is on another machine
  hcs-stream run pipeline.py /data/plate-7 --pattern "{well}_f{site}_{channel}.tif"     names of your own

The file defines 'pipeline', or 'build()' that returns one:

  from hcs_stream.pipeline import Pipeline, Step
  def invert(image): return image.max() - image
  pipeline = Pipeline([Step(invert)])

Where it does not say otherwise, results are streamed to the viewer of --port, and kept below --out, if that
is given. A well that fails stops no other.
Exit status: 0 all wells done, 1 not all, or some could not be read, 2 wrong usage.
"""

import argparse
from pathlib import Path

from ._choice_options import add_choice_options
from ._plates_command import add_name_options
from ._viewers_by_port import add_host

EXECUTORS = "serial, threads, processes, dask, or the address of a Dask scheduler, tcp://host:8786"


def add_run_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``run`` to the commands of a parser."""
    parser = commands.add_parser(
        "run",
        help="take a plate through the pipeline of a Python file",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pipeline", type=Path, metavar="FILE", help="that defines 'pipeline' or 'build()'")
    parser.add_argument("plate", type=Path, metavar="PLATE", help="the folder of a plate")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results are kept; else only streamed")
    parser.add_argument(
        "--executor", default="processes", metavar="NAME", help=f"{EXECUTORS} (default %(default)s)"
    )
    parser.add_argument(
        "--workers", type=_count, metavar="N", help="how many; by default one less than cores"
    )
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="leave out wells that an earlier run with the same steps has kept in DIR",
    )
    parser.add_argument(
        "--port", "--data-port", type=int, metavar="PORT", help="the viewer's, whatever FILE says"
    )
    add_host(parser)
    parser.add_argument("--no-viewer", action="store_true", help="stream nothing, whatever FILE says")
    parser.add_argument("--traceback", action="store_true", help="show where in your functions wells failed")
    add_choice_options(parser, wells_only=True)
    add_name_options(parser)
    parser.set_defaults(run=run_pipeline)


def run_pipeline(options: argparse.Namespace) -> int:
    """Run what the options say; return the exit status."""
    from ._running import run_as_said  # a pipeline imports much that the other commands do without

    return run_as_said(options)


def _count(said: str) -> int:
    if not said.isdecimal() or int(said) < 1:
        raise argparse.ArgumentTypeError(f"wanted a number from 1 on, found {said!r}")
    return int(said)
