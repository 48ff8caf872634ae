"""Stages at work in a run: each with its row in the ledger, its counts and its seconds, alone or in turns."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from app.pipeline import ledger
from app.pipeline.draft import Draft
from app.pipeline.stage import Context, Stage, StageReport, Work


@dataclass(slots=True)
class RunningStage:
    """A stage of one run.

    Attributes:
        position: in the run.
        context: of the run; its observer hears nothing of a replay.
        is_replay: it only brings the work to where the run's first stage finds it.
        counts: of all the work that it was given.
        seconds: that it took itself, without those of stages that worked in between.
        report: how it went, once it has ended.
    """

    name: str
    stage: Stage
    position: int
    context: Context
    is_replay: bool
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    outcome: str = "done"
    report: StageReport | None = None

    def alone(self, work: Work) -> None:
        """Do all the work at once."""
        self.begin()
        self.do(work)
        self.end()

    def begin(self) -> None:
        """Enter it in the ledger."""
        if not self.is_replay:
            self.context.observer.begin(self.name)
            ledger.start_stage(self.context.working, self.context.run_id, self.name, self.position)

    def do(self, work: Work) -> None:
        """Do a part of the work."""
        began, failures = time.monotonic(), len(work.failures)
        for name, count in self.stage(work, self.context).items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.seconds += time.monotonic() - began
        if len(work.failures) > failures:
            self.outcome = "incomplete"

    def end(self) -> None:
        """Close it in the ledger."""
        if not self.is_replay:
            self.report = StageReport(self.name, self.outcome, self.counts, self.seconds)
            ledger.finish_stage(self.context.working, self.context.run_id, self.report)
            self.context.observer.end(self.name, self.report)


def take_turns(stages: Sequence[RunningStage], work: Work) -> None:
    """Let stages work day by day: the server stores a day while the next one is worked out.

    Args:
        stages: the last one stores; it asks for the days, and the others work when it does.
        work: of all days.
    """
    *deciding, storing = stages
    for stage in stages:
        stage.begin()
    work.days = _Days(work, deciding)
    storing.do(work)
    storing.seconds -= sum(stage.seconds for stage in deciding)
    work.days = ()  # it refers to the work, and nothing looks for cycles
    for stage in stages:
        stage.end()


class _Days:
    """The days of the work, each worked out when it is reached for the first time."""

    def __init__(self, work: Work, stages: Sequence[RunningStage]) -> None:
        self._work = work
        self._stages = stages
        self._days = [replace(work, drafts=drafts, events=[]) for drafts in apart(work.drafts)]
        self._done = 0
        self._failure: BaseException | None = None

    def __iter__(self) -> Iterator[Work]:
        # From the start again when a connection was lost; a day that a stage failed on cannot be repeated.
        if self._failure:
            raise self._failure
        for number, day in enumerate(self._days):
            if number == self._done:
                self._do(day)
            yield day

    def _do(self, day: Work) -> None:
        try:
            for stage in self._stages:
                stage.do(day)
                stage.context.observer.advance(stage.name, self._done + 1, len(self._days))
        except BaseException as failure:
            self._failure = failure
            raise
        self._work.unsettled |= day.unsettled
        self._done += 1


def apart(drafts: Sequence[Draft]) -> list[list[Draft]]:
    """The drafts of each day; days between which a sighting moved stay together, since its identity names one event."""
    days: dict[date, list[Draft]] = defaultdict(list)
    home: dict[str, date] = {}
    moved: set[date] = set()
    for draft in drafts:
        day = draft.start_date
        days[day].append(draft)
        if (first := home.setdefault(draft.identity, day)) != day:
            moved |= {first, day}
    together = [draft for day in days if day in moved for draft in days[day]]
    rest = [of for day, of in days.items() if day not in moved]
    return [together, *rest] if together else rest
