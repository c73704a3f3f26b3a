"""The driver's side: a child process that takes commands, line by line."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

START_SECONDS = 90.0
ANSWER_SECONDS = 90.0
END_SECONDS = 20.0
LOG_LINES = 20
LANES = Path(__file__).parent.parent


class LaneError(Exception):
    """A child ended, or did not answer; the text has the end of its log."""


class Child:
    """A module of `lanes`, or of the package that its name begins with, in a process of its own."""

    def __init__(
        self,
        module: str,
        *arguments: object,
        log: Path,
        python: Path | str = sys.executable,
        environ: Mapping[str, str] = os.environ,
        within: Sequence[str] = (),
    ) -> None:
        """Start it.

        Args:
            module: Its name.
            arguments: Of its command line.
            log: Where it says what goes wrong.
            python: The interpreter.
            environ: Its environment.
            within: The command that starts it somewhere else, ``["ip", "netns", "exec", "far"]``.
        """
        self._name = f"{module} {' '.join(map(str, arguments))}"
        self._log = log
        self._rest = b""
        self._is_ready = False
        module = module if "." in module else f"lanes.{module}"
        command = [*within, str(python), "-P", "-m", module, *map(str, arguments)]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                env={**environ, "PYTHONPATH": os.pathsep.join([str(LANES), environ.get("PYTHONPATH", "")])},
            )

    def wait_until_ready(self) -> None:
        """Return when the child obeys; a second time is harmless."""
        if not self._is_ready:
            self._is_ready = True
            self.hear(START_SECONDS)

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Give a command and return its answer."""
        self.tell(do, **arguments)
        return self.hear()

    def tell(self, do: str, **arguments: object) -> None:
        """Give a command; `hear` has its answer."""
        self.wait_until_ready()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # `hear` says why
            self.process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")

    def hear(self, timeout: float = ANSWER_SECONDS) -> dict[str, Any]:
        """Return the next answer.

        Raises:
            LaneError: The child ended, or says nothing for too long.
        """
        assert self.process.stdout is not None
        deadline = time.monotonic() + timeout
        while b"\n" not in self._rest:
            readable = self.has_said(max(0.0, deadline - time.monotonic()))
            received = os.read(self.process.stdout.fileno(), 1 << 20) if readable else b""
            if not received:
                raise LaneError(f"{self._name}: {self._end_of_log()}")
            self._rest += received
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def has_said(self, timeout: float) -> bool:
        """Say whether there is something to hear within so many seconds."""
        assert self.process.stdout is not None
        return b"\n" in self._rest or bool(select.select([self.process.stdout], [], [], timeout)[0])

    def freeze(self) -> None:
        """Stop the process where it is."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the process go on."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the child; a second time is harmless."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.thaw()
        self.process.stdin.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def _end_of_log(self) -> str:
        code = self.process.poll()
        how = "says nothing" if code is None else f"ended with exit code {code}"
        lines = self._log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return f"{how}; {self._log} ends with:\n" + "\n".join(lines)


def start(children: ExitStack, module: str, *arguments: object, **how: Any) -> Child:
    """Start a `Child` and have it closed with the others; it may be ready later."""
    child = Child(module, *arguments, **how)
    children.callback(child.close)
    return child
