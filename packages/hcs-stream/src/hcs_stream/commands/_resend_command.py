"""Send what workers that ended left for viewers on other machines.

Examples:
  hcs-stream resend                            all that is left on this machine
  hcs-stream resend --ssh user@workstation     what is left for the viewers there
  hcs-stream resend 5557 --host imaging-3      for one of them

A worker that ends before a viewer took all of its images, because the link was away for longer than it
waited, leaves them in shared memory or on disk, and says so in its log. A viewer on its own machine takes
them by itself; to one on another machine, this sends them. Say it on the worker's machine, as the same user,
within the hour: the next stream that is opened after that removes them. What the viewer had taken, and could
not say so any more, comes once more and replaces itself.
Exit status: 0 all sent, 1 not all or nothing is left, 2 wrong usage.
"""

import argparse
import sys

from hcs_protocol import HcsError, TunnelError
from hcs_stream._assembly import connect, new_orphans, ssh_host
from hcs_stream._left_behind import Place, left_behind, send_left_behind
from hcs_stream._stream import Stream
from hcs_stream.sending import printable

from ._complaints import complain
from ._seconds import add_seconds
from ._ssh_option import add_ssh
from ._viewers_by_port import a_port

CONNECT_SECONDS = 60.0
STALL_SECONDS = 60.0


def add_resend_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
) -> None:
    """Add ``resend`` to the commands of a parser."""
    parser = commands.add_parser(
        "resend",
        help="send what workers that ended left for viewers on other machines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "port", nargs="?", type=a_port, metavar="PORT", help="the data port that was asked for; else any"
    )
    parser.add_argument(
        "--host", metavar="NAME", help="the viewer's machine, as the worker said it; else any"
    )
    add_ssh(parser)
    add_seconds(parser, "--timeout", STALL_SECONDS, "for how long to wait while the viewer takes nothing")
    parser.set_defaults(run=resend_images)


def resend_images(options: argparse.Namespace) -> int:
    """Send what the options say; return the exit status."""
    try:
        host = _host(options)
    except TunnelError as error:
        complain(error)
        return 1
    left = left_behind(new_orphans())
    meant = [
        place for place in left if host in {None, place.host} and options.port in {None, place.data_port}
    ]
    if not meant:
        others = ", ".join(f"{count} for {printable(str(place))}" for place, count in left.items())
        complain(f"no image is left for that; there are {others}" if left else "no image is left here")
        return 1
    done = [_resend(place, left[place], options.timeout) for place in meant]
    return 0 if all(done) else 1


def _host(options: argparse.Namespace) -> str | None:
    if options.ssh is None and options.host is None:
        return None
    return ssh_host(options.ssh, options.host or "localhost")


def _resend(place: Place, count: int, timeout: float) -> bool:
    def open_stream() -> Stream:
        return connect(
            host=place.host,
            data_port=place.data_port,
            start=False,
            timeout=CONNECT_SECONDS,
            overflow=f"block({timeout:g})",
        )

    try:
        sent = send_left_behind(new_orphans(), place, open_stream, timeout=timeout + count)
    except (HcsError, OSError) as error:
        complain(f"not all of {count} images for {printable(str(place))} are sent: {error}")
        return False
    sys.stdout.write(f"sent {sent} image{'' if sent == 1 else 's'} to {printable(str(place))}\n")
    sys.stdout.flush()
    return True
