"""A child's side: one line of JSON is a command, one line of JSON its answer."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Protocol

Answer = Mapping[str, object]
Answering = Callable[[Answer], None]
Commands = Mapping[str, Callable[..., Answer]]


class Producer(Protocol):
    """Sends images."""

    def send(self, first: int, count: int) -> Answer:
        """Send so many, the first with this number, and say when that ``began``."""


class Consumer(Protocol):
    """Takes images in."""

    def take(self, first: int, count: int) -> Answer:
        """Copy so many out, check each, and say when that ``ended``."""


def serve(commands: Commands, answers: Answering | None = None) -> None:
    """Say ready, then obey until standard input ends; an error ends the child with its traceback.

    Args:
        commands: By the names they are given.
        answers: What `keep_standard_output` returned, where that was needed earlier.
    """
    answers = answers or keep_standard_output()
    answers({"ready": True})
    for line in sys.stdin:
        command = json.loads(line)
        answers(commands[command.pop("do")](**command))


def serve_as(producer: Callable[..., "Producer"], consumer: Callable[..., "Consumer"]) -> None:
    """Be what the command line says, ``producer`` or ``consumer``, made from its other arguments."""
    role, *arguments = sys.argv[1:]
    if role == "producer":
        serve({"send": producer(*arguments).send})
    else:
        serve({"take": consumer(*arguments).take})


def keep_standard_output() -> Answering:
    """Keep the pipe for answers, and let whatever a library prints go to the log."""
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(said: Answer) -> None:
        pipe.write(json.dumps(said) + "\n")
        pipe.flush()

    return answer
