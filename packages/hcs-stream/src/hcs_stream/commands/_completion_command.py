"""Print what lets a shell complete the commands, flags, file names and viewers' ports of hcs-stream.

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
PORTS = "PORT"
PORTS_OF_VIEWERS = {
    "bash": "_hcs_stream_ports",
    "zsh": "_hcs_stream_ports",
    "fish": "(_hcs_stream_ports)",
    "preamble": {
        "bash": """
_hcs_stream_ports() {
  local folder file port
  for folder in "$HCS_RUNTIME_DIR" "$XDG_RUNTIME_DIR" "/run/user/$UID" "${TMPDIR:-/tmp}/hcs-$UID"; do
    for file in "$folder"/viewer-*.json; do
      port="${file##*/viewer-}" port="${port%%[!0-9]*}"
      [[ -O $file && -n $port && $port == "$1"* ]] && echo "$port"
    done
  done
}""",
        "zsh": """
_hcs_stream_ports() {
  local -a files
  files=({$HCS_RUNTIME_DIR,$XDG_RUNTIME_DIR,/run/user/$UID,${TMPDIR:-/tmp}/hcs-$UID}/viewer-[0-9]*.json(NU:t))
  files=(${files#viewer-})
  compadd -- ${files%%[^0-9]*}
}""",
        "fish": """
function _hcs_stream_ports
  set -l uid (id -u)
  for folder in $HCS_RUNTIME_DIR $XDG_RUNTIME_DIR /run/user/$uid /tmp/hcs-$uid
    for file in $folder/viewer-*.json
      string replace -fr '.*/viewer-([0-9]+)[^/]*[.]json$' '$1' $file
    end
  end
end""",
    },
}
"""Of their connection files, as in `hcs_protocol.runtime_folders`: a viewer that was killed is among them.

Of a name only the digits are taken: another user may have made the temporary folder, and a name of his may
be a command.
"""


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
        elif action.metavar == PORTS:
            action.complete = PORTS_OF_VIEWERS  # type: ignore[attr-defined]
    sys.stdout.write(f"{shtab.complete(whole, options.shell)}\n")
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way to list them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name in action.choices:
                yield from _actions(action.choices[name])
