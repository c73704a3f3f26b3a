"""What happens in one trial: all of it follows from the seed of the run and the number of the trial."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from ._orders import Load

FAULTS_PER_TRIAL = 3
WINDOW_EVERY = 8
POLICIES = {"spill": 6, "block": 2, "drop_oldest": 1, "latest": 1}
BUDGETS = (24 << 20, 48 << 20, 96 << 20, 256 << 20)
IMAGES = 2500
IMAGES_KEPT = 300


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One trial."""

    number: int
    kinds: tuple[str, ...]
    """The faults, in their order."""
    overflow: str
    workers: int
    viewers: int
    load: Load
    has_window: bool
    budget: int
    """Bytes of shared memory that a worker may have."""
    images: int
    """So many are published at least."""
    plant: str = ""
    chance: Random = field(repr=False)
    """Says everything else: for how long, to whom, how."""

    @property
    def patience(self) -> float:
        """Seconds until what has not happened will not happen: little, if a bug is looked for."""
        return 5.0 if self.plant else 60.0

    @property
    def drops(self) -> bool:
        """Whether a policy may drop images."""
        return self.overflow in {"drop_oldest", "latest"}


def plan_soak(seed: int) -> Plan:
    """Return the plan of a long run without other faults than killed viewers: about 50 images a second."""
    return Plan(
        number=0,
        kinds=(),
        overflow="spill",
        workers=2,
        viewers=2,
        load=Load(threads=2, window=-1, pause=0.16, evenly=True),
        has_window=False,
        budget=BUDGETS[-1],
        images=0,
        chance=Random(seed),
    )


def plan_trial(seed: int, number: int, kinds: Sequence[str], *, plant: str = "") -> Plan:
    """Return the plan of a trial; the kinds of faults come equally often over the trials."""
    chance = Random(f"{seed} {number}")
    count = min(FAULTS_PER_TRIAL, len(kinds))
    places = range(number * count, (number + 1) * count)
    has_window = number % WINDOW_EVERY == WINDOW_EVERY // 2
    chosen = tuple(_kind_at(seed, place, kinds) for place in places)
    policy = chance.choices(list(POLICIES), list(POLICIES.values()))[0]
    threads = chance.choice((1, 2, 3))
    return Plan(
        number=number,
        kinds=chosen,
        overflow="spill" if "disk_full" in chosen else policy,
        workers=1 if has_window else chance.choice((1, 2, 2, 3)),
        viewers=1 if has_window else chance.choice((1, 1, 1, 2)),
        load=_load_for_a_window(threads) if has_window else Load(threads=threads),
        has_window=has_window,
        budget=chance.choice(BUDGETS),
        images=IMAGES_KEPT if has_window else IMAGES,
        plant=plant,
        chance=chance,
    )


def _load_for_a_window(threads: int) -> Load:
    """Return a load that does not end at the memory's end: a window keeps what it shows."""
    return Load(threads=threads, largest=256 << 10, window=-1, pause=0.05)


def _kind_at(seed: int, place: int, kinds: Sequence[str]) -> str:
    """Return one fault of an endless row, in which each deck of kinds is shuffled anew."""
    deck, card = divmod(place, len(kinds))
    return Random(f"{seed} deck {deck}").sample(list(kinds), len(kinds))[card]
