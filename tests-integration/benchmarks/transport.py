"""What it costs to bring images from a pipeline into a viewer's memory: ours against other ways, in one run.

Every way is two processes. It sends the same images, uint16 noise of 256 KB, 8 MB and 64 MB that rotates over
256 MB, through the same number of slots, and its consumer copies each out into memory of its own and checks a
word of it. Ours is `hcs_stream`'s, over real and encrypted sockets, into the viewer's own receiver and store;
only the window is replaced. The sides of a ratio take turns; a ratio is a median over pairs. Keys that end in
``_insecure`` are of sockets without encryption, which the product does not offer; those that end in ``_lent``
are of arrays that our pool lent. Environments for other projects' ways are made in
``~/.cache/hcs-benchmarks``, or ``$HCS_BENCH_ENVS``, and kept.

Says on standard error what it has found so far; its last line is JSON. Draws ``transport.png``.
"""

from collections.abc import Mapping
from functools import partial

from lanes.catalogue import WAYS
from measures.bars import BARS
from measures.dropping import measure_dropping
from measures.extent import FULL, QUICK, Extent
from measures.fan_out import measure_fan_out
from measures.floods import measure_floods
from measures.in_turn import Measure, conclude, measure_in_turn, new_parser, places_to_measure
from measures.many import measure_many
from measures.publishing import measure_lent, measure_puts
from measures.report import Report
from measures.spilling import measure_spilling
from plot import draw

PICTURE = "transport.png"


def main() -> None:
    """Measure, draw, and print the line."""
    parser = new_parser(__doc__, PICTURE, besides=", and nothing is installed")
    parser.add_argument("--peers", action="store_true", help="Ray, Rerun and multiprocessing.Queue too")
    arguments = parser.parse_args()
    extent = QUICK if arguments.quick else FULL
    report = Report()
    with places_to_measure(extent.rotated_nbytes) as places:
        measures = _measures(peers=arguments.peers, install=not arguments.quick)
        measure_in_turn(measures, report, places, extent)
    conclude(
        report,
        arguments.out / PICTURE,
        lambda picture: draw(picture, report.microseconds, report.ratios, BARS),
    )


def _measures(*, peers: bool, install: bool) -> Mapping[str, Measure[Extent]]:
    ways = [name for name, way in WAYS.items() if peers or not way.is_asked_for]
    return {
        "floods": partial(measure_floods, ways=ways, install=install),
        "puts": measure_puts,
        "lent": measure_lent,
        "spilling": measure_spilling,
        "dropping": measure_dropping,
        "fan_out": measure_fan_out,
        "many": measure_many,
    }


if __name__ == "__main__":
    main()
