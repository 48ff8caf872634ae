"""Watching a run: a progress bar on a terminal, plain lines everywhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.pipeline.run import Result
from app.pipeline.stage import Observer, StageReport

_SHOWN: Final = 20
"""Rejects that are listed after a run."""


class PlainLines:
    """A line when a stage begins, one for each thing to know, one when it ends: for logs and cron."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, stage: str) -> None:
        """A stage starts."""
        self._console.print(f"{stage} ...")

    def advance(self, stage: str, done: int, total: int | None) -> None:
        """Nothing: a log is no place for progress."""

    def note(self, stage: str, text: str) -> None:
        """Something a person should know."""
        self._console.print(f"{stage}: {text}")

    def end(self, stage: str, report: StageReport) -> None:
        """A stage is over."""
        self._console.print(f"{stage}: {counts_of(report)} ({report.seconds:.2f} s)")


class ProgressBar(PlainLines):
    """The same with a bar for each stage that works, for a terminal."""

    def __init__(self, console: Console, progress: Progress) -> None:
        super().__init__(console)
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def begin(self, stage: str) -> None:
        """A stage starts."""
        self._tasks[stage] = self._progress.add_task(stage, total=None)

    def advance(self, stage: str, done: int, total: int | None) -> None:
        """A stage has done so many of so many."""
        if stage in self._tasks:
            self._progress.update(
                self._tasks[stage], completed=done, total=total, description=f"{stage} {done:,}"
            )

    def end(self, stage: str, report: StageReport) -> None:
        """A stage is over."""
        if stage in self._tasks:
            self._progress.remove_task(self._tasks.pop(stage))
        super().end(stage, report)


@contextmanager
def watch(console: Console) -> Iterator[Observer]:
    """Whoever watches a run on this console."""
    if not console.is_terminal:
        yield PlainLines(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield ProgressBar(progress.console, progress)


def table_of(result: Result) -> Table:
    """Counts and durations of a run's stages."""
    table = Table("stage", "what it did", box=None, pad_edge=False, header_style="bold")
    table.add_column("seconds", justify="right")
    for report in result.reports:
        failed = "" if report.outcome == "done" else f" ({report.outcome})"
        table.add_row(report.stage + failed, counts_of(report), f"{report.seconds:.2f}")
    return table


def counts_of(report: StageReport) -> str:
    """Counts for people: the first always, the others when they are not 0."""
    first, *others = report.counts.items()
    return ", ".join(f"{count:,} {name}" for name, count in [first, *(item for item in others if item[1])])


def rejects_of(result: Result) -> list[str]:
    """The run's new rejects, a line each, the first of them when there are many."""
    shown = [f"rejected {where(one.place, one.line)}: {one.reason}" for one in result.rejects[:_SHOWN]]
    more = len(result.rejects) - len(shown)
    return [*shown, f"... and {more:,} more: dance explain --rejects"] if more > 0 else shown


def where(place: str, line: int | None) -> str:
    """A place as compilers write it."""
    return place if line is None else f"{place}:{line}"
