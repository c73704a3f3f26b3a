"""What people are told while a command goes on: a bar on a terminal, else a line now and then."""

import io

from rich.console import Console
from rich.progress import Progress

from hcs_protocol.testing import FakeClock
from hcs_stream.commands._teller import PERIOD_SECONDS, Teller, a_teller


def test_without_a_terminal_a_line_is_said_now_and_then() -> None:
    clock, said = FakeClock(), io.StringIO()
    teller = Teller(Console(file=said), clock)
    for done in range(1, 25):
        clock.advance(PERIOD_SECONDS / 10)
        teller.progress("sending", done, 30)

    assert said.getvalue() == "hcs-stream: sending: 10 of 30\nhcs-stream: sending: 20 of 30\n"


def test_a_terminal_has_a_bar_and_what_is_said_stands_above_it() -> None:
    said = io.StringIO()
    console = Console(file=said, force_terminal=True, width=100)
    teller = Teller(console)
    with Progress(console=console) as bar:
        teller.begin(bar)
        teller.progress("sending", 3, 30)
        teller.say("not sent: a.tif")

    assert bar.tasks[0].completed == 3
    assert "hcs-stream: not sent: a.tif" in said.getvalue()


def test_what_is_said_has_no_escapes_and_is_not_cut() -> None:
    said = io.StringIO()
    with a_teller(said) as teller:
        teller.say("a\x1b[31m" + "b" * 300)

    assert said.getvalue() == f"hcs-stream: a?[31m{'b' * 300}\n"
