"""What was found: ratios by their keys, and the medians they came from."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Report:
    """Collects results; `line` is what the script prints last."""

    ratios: dict[str, float] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    """What is neither, by its key."""
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """Single times by what took them, for the plot and for people."""
    peers_missing: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """Why a ratio was not measured, by its key."""
    pairs: int = 0
    """The fewest pairs that any median is of."""
    images: int = 0
    """The fewest images that any side of a ratio is of."""

    def compare(self, key: str, ours: Sequence[float], theirs: Sequence[float], images: int) -> None:
        """Note the median of pairwise ratios.

        Args:
            key: Its name.
            ours: Seconds, one of each pair.
            theirs: Seconds, the other of each pair.
            images: How many images each side had in all.
        """
        self.ratios[key] = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        self.pairs = min(self.pairs or len(ours), len(ours))
        self.images = min(self.images or images, images)

    def compare_tails(self, key: str, ours: Sequence[float], theirs: Sequence[float]) -> None:
        """Note p99 over p99 of single times, interleaved."""
        self.ratios[key] = percentile_99(ours) / percentile_99(theirs)
        self.images = min(self.images or len(ours), len(ours), len(theirs))

    def count(self, key: str, number: float) -> None:
        """Note a number that is no ratio."""
        self.counts[key] = int(number) if number == int(number) else number

    def note(self, name: str, seconds: Sequence[float]) -> None:
        """Note times of something, beside those that were noted of it before."""
        self.seconds.setdefault(name, []).extend(seconds)

    def miss(self, reason: str) -> None:
        """Note, once, why a peer is not measured."""
        if reason not in self.peers_missing:
            self.peers_missing.append(reason)

    def skip(self, key: str, reason: str) -> None:
        """Note why a ratio is not measured."""
        self.skipped[key] = reason

    @property
    def microseconds(self) -> dict[str, float]:
        """The medians of all that was noted."""
        return {name: statistics.median(seconds) * 1e6 for name, seconds in self.seconds.items()}

    def line(self) -> dict[str, object]:
        """Return everything that belongs into the last line."""
        ratios = {key: float(f"{ratio:.3g}") for key, ratio in self.ratios.items()}
        medians = {name: float(f"{value:.4g}") for name, value in self.microseconds.items()}
        found = {"peers_missing": self.peers_missing, "pairs": self.pairs, "images": self.images}
        nothing = {**dict.fromkeys(self.skipped), "skipped": self.skipped} if self.skipped else {}
        return {**ratios, **nothing, **self.counts, **self.words, **found, "median_us": medians}


def percentile_99(values: Sequence[float]) -> float:
    """Return the value that 99 of 100 do not exceed."""
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]
