"""What runs say of themselves: which step is where, and how it ended."""

from collections.abc import Collection

from hcs_protocol import RunEnded, RunStarted, StepProgress

from ._inbox import RunNews


class Runs:
    """The last word of each run."""

    def __init__(self) -> None:
        self.progress: dict[str, str] = {}
        """By run."""

    def take(self, news: RunNews) -> None:
        """Note what a run says."""
        match news:
            case RunStarted():
                word = "running"
            case StepProgress(step=step, well=well):
                where = f"{step.name} {well or ''}".strip()
                word = f"{where}: {news.error or news.state} {news.done}/{news.of}"
            case RunEnded():
                word = news.error or news.state
        self.progress[news.run] = word

    def keep(self, runs: Collection[str]) -> None:
        """Forget all other runs."""
        self.progress = {run: word for run, word in self.progress.items() if run in runs}
