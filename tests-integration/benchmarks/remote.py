"""What it costs to bring images to a viewer that shares no memory with the worker.

Over loopback, pixels go as frames and are not compressed. Bare ZeroMQ sends the same images of 8 MB without a
copy and copies them into an array; it is measured with and without encryption, as ours is, which offers no
other than encrypted. Keys that end in ``_lent`` are of arrays that our pool lent, the others of arrays that
are copied into it. Through a link of 1 Gbit/s between two network namespaces, images of cells are compressed
by what ``compression="auto"`` chooses; ``images_per_s_x_uncompressed_limit`` is by how much they come faster
than the link moves their pixels, were there nothing else on it. The sides of a ratio take turns; a ratio is a
median over pairs.

Says on standard error what it has found so far; its last line is JSON. Draws ``remote.png``.
"""

from collections.abc import Mapping

from measures.bars import REMOTE_BARS
from measures.in_turn import Measure, conclude, measure_in_turn, new_parser, places_to_measure
from measures.remote import FULL_REMOTE, QUICK_REMOTE, RemoteExtent, measure_link, measure_loopback
from measures.report import Report
from plot import draw_bars

PICTURE = "remote.png"
MEASURES: Mapping[str, Measure[RemoteExtent]] = {"loopback": measure_loopback, "link": measure_link}


def main() -> None:
    """Measure, draw, and print the line."""
    arguments = new_parser(__doc__, PICTURE).parse_args()
    extent = QUICK_REMOTE if arguments.quick else FULL_REMOTE
    report = Report()
    with places_to_measure(extent.rotated_nbytes) as places:
        measure_in_turn(MEASURES, report, places, extent)
    conclude(report, arguments.out / PICTURE, lambda picture: draw_bars(picture, report.ratios, REMOTE_BARS))


if __name__ == "__main__":
    main()
