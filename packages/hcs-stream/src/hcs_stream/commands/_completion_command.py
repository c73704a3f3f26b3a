"""Print what lets a shell complete the commands, flags and file names of hcs-stream.

Examples:
  source <(hcs-stream completion bash)                 for this session; into ~/.bashrc for all
  hcs-stream completion zsh > "${fpath[1]}/_hcs-stream"
  hcs-stream completion fish > ~/.config/fish/completions/hcs-stream.fish

It is a script of the shell: completing starts no Python. Exit status: 0 printed, 2 wrong usage.
"""

import argparse
import sys
from collections.abc import Iterator
from functools import partial

SHELLS = ("bash", "zsh", "fish")
FOLDERS = frozenset({"FOLDER", "DIR", "PLATE"})
FILES = frozenset({"FILE", "PATH"})


def add_completion_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # what add_subparsers() returns
    whole: argparse.ArgumentParser,
) -> None:
    """Add ``completion`` to the commands of a parser, which are all there by then."""
    parser = commands.add_parser(
        "completion",
        help="print what lets a shell complete these commands",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS, help="whose script to print")
    parser.set_defaults(run=partial(print_completion, whole))


def print_completion(whole: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Print the script of a shell; return the exit status."""
    import shtab  # takes a while, and nobody else needs it

    for action in _actions(whole):
        if action.metavar in FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]  # which is how shtab is told
        elif action.metavar in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    sys.stdout.write(f"{shtab.complete(whole, options.shell)}\n")
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way to list them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name in action.choices:
                yield from _actions(action.choices[name])
