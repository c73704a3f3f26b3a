"""What the harness says to the process of a worker or a viewer, and what a worker answers."""

from dataclasses import dataclass

import msgspec


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """How much a worker publishes."""

    threads: int = 2
    pause: float = 0.02
    """Seconds between two calls of a thread while a viewer does not keep up."""
    window: int = 150
    """More images than this that are not adopted show that it does not; -1 pauses always."""
    largest: int = 8 << 20
    """Bytes of the largest image."""
    evenly: bool = False
    """Whether images of all sizes come equally often; else most are small."""
    shape: tuple[int, int] | None = None
    """That of all images; None is `SHAPES`."""
    images: int | None = None
    """How many each thread publishes; None is until it is told to end."""


class WorkerOrders(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is to do from its beginning."""

    worker: int
    """Its number, which no other process of the trial has."""
    folder: str
    """Where the ledgers of all workers are."""
    ports: list[int]
    load: Load
    host: str = "localhost"
    """The viewers' machine."""
    overflow: str = "spill"
    seed: int = 0
    patience: float = 60.0
    """Seconds to wait at the end until everything is adopted."""
    plant: str = ""

    @property
    def drops(self) -> bool:
        """Whether its policy may drop images."""
        return self.overflow in {"drop_oldest", "latest"}


class ViewerOrders(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer is to be from its beginning."""

    port: int
    diary: str
    """The file in which it writes down what it adopts."""
    has_window: bool = False
    plant: str = ""
    host: str = "127.0.0.1"
    """The address to listen on."""
    memory: int | None = None
    """Bytes for images, which then go nowhere else; None is without limit."""
    pause: float = 0.0
    """Seconds that it looks at each image, if it has no window."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """How a worker is."""

    published: int
    owed: int
    """Images that are neither adopted nor dropped nor refused yet."""
    in_flight: int
    interrupted: int
    """How many of its calls Ctrl-C has interrupted."""
    resent: int
    spilled: int


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process that a worker has made."""

    in_flight: int
    """How many images were in flight at that moment: of the worker, or of a pool's process that ends."""
    pid: int = 0


@dataclass(frozen=True)
class Order:
    """What a worker is to do now."""


@dataclass(frozen=True)
class Tell(Order):
    """Say how you are."""


@dataclass(frozen=True)
class Hold(Order):
    """Begin no call until `GoOn`; write down what was dropped so far, and say how you are."""


@dataclass(frozen=True)
class GoOn(Order):
    """Publish again."""


@dataclass(frozen=True)
class Fork(Order):
    """Fork a child that exits, sends images of its own, or lingers until the harness is gone."""

    worker: int
    then: str


@dataclass(frozen=True)
class Pool(Order):
    """Let a process pool's worker publish images and end; answered when it has ended."""

    worker: int


@dataclass(frozen=True)
class Finish(Order):
    """Publish no more, and end when everything is adopted."""
