"""The auditor: what became of each image, by the books of workers and viewers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ._images import Name
from ._ledger import Told, read_diary, read_ledger


@dataclass
class Account:
    """What became of the images of one trial."""

    images: int = 0
    """Published, each counted once however many viewers it went to."""
    lost: int = 0
    """Published and adopted by no life of a viewer, though no policy dropped them."""
    corrupt: int = 0
    """Not the pixels, or not at the address, that were published."""
    twice: int = 0
    """Adopted again within one life of a viewer."""
    unaccounted: int = 0
    """Of which the two sides tell different stories."""
    dropped: Counter[str] = field(default_factory=Counter)
    """By the policy that a worker named."""

    @property
    def is_clean(self) -> bool:
        """Whether all is accounted for."""
        return not (self.lost or self.corrupt or self.twice or self.unaccounted)


def audit(books: Path, ports: Iterable[int]) -> Account:
    """Return what the books of a trial say."""
    workers = {int(path.stem): read_ledger(path) for path in books.glob("*.ledger")}
    account = Account(images=sum(len(told.published) for told in workers.values()))
    adopted = {port: _read_diaries(sorted(books.glob(f"{port}-*.diary")), account) for port in ports}
    for number, told in workers.items():
        _settle(
            told,
            [{name.number for name in names if name.worker == number} for names in adopted.values()],
            account,
        )
    everything = set().union(*adopted.values())
    account.unaccounted += sum(_is_unheard_of(name, workers) for name in everything)
    return account


def _read_diaries(lives: Iterable[Path], account: Account) -> set[Name]:
    adopted: set[Name] = set()
    for life in lives:
        entries = list(read_diary(life))
        names = [name for word, name in entries if word == "adopted"]
        account.corrupt += len(entries) - len(names)
        account.twice += len(names) - len(set(names))
        adopted |= set(names)
    return adopted


def _settle(told: Told, adopted: list[set[int]], account: Account) -> None:
    """Compare what one worker published with what each viewer adopted, and with what it says was dropped."""
    absent = sum(len(told.published - numbers) for numbers in adopted)
    may_be_absent = sum(len(told.doubtful - numbers) for numbers in adopted)
    dropped = sum(told.dropped.values())
    account.dropped.update(told.dropped)
    account.lost += max(0, absent - dropped)
    account.unaccounted += max(0, dropped - absent - may_be_absent)
    account.unaccounted += told.left or 0


def _is_unheard_of(name: Name, workers: dict[int, Told]) -> bool:
    return name.worker not in workers or not 0 < name.number <= workers[name.worker].reserved
