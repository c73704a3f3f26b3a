"""What a run did, well by well."""

from collections.abc import Iterable

import msgspec

from ._job import WellReport
from ._well import Well


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did."""

    run: str
    """Its id, which viewers know it by."""
    images_published: int = 0
    """By wells whose report came; several viewers of one image count once."""
    images_saved: int = 0
    failures: dict[str, str] = {}
    """Of each well that failed, which step and image it was, and what went wrong."""
    tracebacks: dict[str, str] = {}
    """Of each well whose failure has one."""
    wells_done: tuple[str, ...] = ()
    wells_skipped: tuple[str, ...] = ()
    """Wells that an earlier run had materialised."""
    wells_not_run: tuple[str, ...] = ()
    """Wells that the run ended before."""
    troubles: tuple[str, ...] = ()
    """What went wrong with viewers, which touches no results, and with plates of results as a whole."""
    shown_before_last_published: bool = False
    """Whether a worker knew of a shown image before it published its last one."""

    def __str__(self) -> str:
        done, skipped, failed = len(self.wells_done), len(self.wells_skipped), len(self.failures)
        said = [f"{done} of {done + skipped + failed + len(self.wells_not_run)} wells done"]
        counts = ((skipped, "skipped"), (failed, "failed"), (len(self.wells_not_run), "not run"))
        said += [f"{count} {word}" for count, word in counts if count]
        return f"{', '.join(said)}; {self.images_published} images published, {self.images_saved} saved"


class RunInterruptedError(KeyboardInterrupt):
    """Ctrl-C ended a run."""

    def __init__(self, report: RunReport) -> None:
        super().__init__(report)
        self.report = report
        """What was done until then."""

    def __str__(self) -> str:
        return f"interrupted: {self.report}"


class Tally:
    """Gathers the reports of wells while a run goes on."""

    def __init__(self, wells: Iterable[Well], skipped: Iterable[Well] = ()) -> None:
        """Know all wells, and those among them that need nothing."""
        self._wells = list(wells)
        self._has_plates = len({well.plate for well in self._wells}) > 1
        self._reports: dict[Well, WellReport] = {}
        self._skipped = set(skipped)

    def add(self, well: Well, report: WellReport) -> None:
        """Note what became of a well."""
        if not report.is_stopped:
            self._reports[well] = report

    @property
    def waiting(self) -> list[Well]:
        """Wells that nothing is known of yet."""
        return [well for well in self._wells if well not in self._reports and well not in self._skipped]

    @property
    def done(self) -> int:
        """Wells that need nothing more, whether they failed or not."""
        return len(self._reports) + len(self._skipped)

    @property
    def of(self) -> int:
        """All wells."""
        return len(self._wells)

    @property
    def has_failed(self) -> bool:
        """Whether a well failed."""
        return any(report.error for report in self._reports.values())

    def name(self, well: Well) -> str:
        """Return what a well is called: with its plate, if there are several."""
        return f"{well.plate} {well.name}" if self._has_plates else well.name

    def report(self, run: str) -> RunReport:
        """Return what was done until now."""
        reports = self._reports
        names = {well: self.name(well) for well in self._wells}
        return RunReport(
            run=run,
            images_published=sum(report.images_published for report in reports.values()),
            images_saved=sum(report.images_saved for report in reports.values()),
            failures={names[well]: report.error for well, report in reports.items() if report.error},
            tracebacks={
                names[well]: report.traceback for well, report in reports.items() if report.traceback
            },
            wells_done=tuple(
                names[well] for well in self._wells if well in reports and not reports[well].error
            ),
            wells_skipped=tuple(names[well] for well in self._wells if well in self._skipped),
            wells_not_run=tuple(names[well] for well in self.waiting),
            troubles=tuple(dict.fromkeys(said for report in reports.values() for said in report.troubles)),
            shown_before_last_published=any(r.shown_before_last_published for r in reports.values()),
        )
