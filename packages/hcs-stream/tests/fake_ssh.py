"""Stands in for ssh: prints the file of a viewer "there", and forwards ports on this machine.

``$FAKE_SSH`` is a folder. In it ``says`` is the connection file, ``fails`` what goes wrong (exit status, then
the text), ``argv`` what it was called with, ``pids`` the processes that forward ports.
"""

import contextlib
import os
import re
import socket
import sys
import threading
from pathlib import Path

FOLDER = Path(os.environ["FAKE_SSH"])
FORWARD = re.compile(r"-L127\.0\.0\.1:(\d+):127\.0\.0\.1:(\d+)")


def main(arguments: list[str]) -> int:
    """Do what ssh would."""
    with (FOLDER / "argv").open("a", encoding="utf-8") as file:
        file.write(f"{' '.join(arguments)}\n")
    failure = FOLDER / "fails"
    if failure.exists():
        status, _, text = failure.read_text(encoding="utf-8").partition(" ")
        sys.stderr.write(f"{text}\n")
        return int(status)
    forwards = [(int(near), int(far)) for near, far in FORWARD.findall(" ".join(arguments))]
    if not forwards:
        said = (FOLDER / "says").read_text(encoding="utf-8").splitlines(keepends=True)
        port = arguments[-1].split()[-1]
        meant = [line for line in said if f'"data_port":{port},' in line]
        sys.stdout.write("Welcome {to} the server\n" + "".join(meant or said))
        return 0
    listening = [(socket.create_server(("127.0.0.1", near)), far) for near, far in forwards]
    with (FOLDER / "pids").open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    for server, far in listening[1:]:
        threading.Thread(target=_forward, args=(server, far), daemon=True).start()
    _forward(*listening[0])
    return 0


def _forward(server: socket.socket, far: int) -> None:
    while True:
        near_end, _ = server.accept()
        try:
            far_end = socket.create_connection(("127.0.0.1", far))
        except OSError:
            near_end.close()
            continue
        for one, other in ((near_end, far_end), (far_end, near_end)):
            threading.Thread(target=_copy, args=(one, other), daemon=True).start()


def _copy(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    for each in (one, other):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
