"""What a stage is: one public function `run` that takes the work so far, does its part and counts it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.database.handles import ReadOnlyDatabase
from app.pipeline.draft import Draft, Event
from app.pipeline.event import Finding, Reject
from app.pipeline.questions import Judge, Judged, Question
from app.pipeline.seen import Seen
from app.pipeline.working import Working


class Source(Protocol):
    """Something that yields what it sees; an `AppError` that it raises is its failure and nobody else's."""

    @property
    def name(self) -> str:
        """Its entry in the list of sources."""

    def findings(self) -> Iterable[Finding]:
        """What it sees now; a place that gives what it gave last time may say `Unchanged`."""


class Observer(Protocol):
    """Whoever watches a run: a terminal, a log, a test."""

    def begin(self, stage: str) -> None:
        """A stage starts."""

    def advance(self, stage: str, done: int, total: int | None) -> None:
        """A stage has done so many of so many."""

    def note(self, stage: str, text: str) -> None:
        """Something a person should know, such as a source that failed."""

    def end(self, stage: str, report: "StageReport") -> None:
        """A stage is over."""


@dataclass(frozen=True, slots=True)
class StageReport:
    """How a stage went.

    Attributes:
        outcome: "done", or "incomplete" when it went on without a part that failed.
        counts: what it did, in the order in which people read it.
        seconds: how long it took, without stages that took turns with it.
    """

    stage: str
    outcome: str
    counts: Mapping[str, int]
    seconds: float


@dataclass(slots=True)
class Work:
    """What the stages hand on.

    Attributes:
        seen: what `collect` found and nobody had seen before; `normalise` reads the rest from the database.
        drafts: one for every sighting that was read; those without a `rule` are in play.
        events: what came out of them, from `deduplicate` on.
        reported: keys of the events that visitors reported as cancelled.
        rejects: what sources gave that is no event and was not known yet.
        failures: what a stage went on without, for people; any makes the run incomplete.
        unsettled: questions stay open that the next run should ask again.
        days: while the stages take turns, the work of each day, which is done when somebody gets to it.
    """

    seen: list[Seen] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    reported: frozenset[str] = frozenset()
    rejects: list[Reject] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    unsettled: bool = False
    days: Iterable["Work"] = ()

    def decided(self) -> Iterator[Event]:
        """All events, those of a day after another where the stages take turns; may be asked for again."""
        for day in self.days or (self,):
            yield from day.events

    def in_play(self) -> list[Draft]:
        """The drafts that no rule took out."""
        return [draft for draft in self.drafts if not draft.rule]


class Memory(Protocol):
    """Remembers what places gave, together with what is stored of it."""

    def keep(self, cursor: Cursor, source: str) -> None:
        """Write what was remembered of a source, in the transaction that stores what it gave."""

    def forget(self, source: str) -> None:
        """Drop what was remembered of a source that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a stage may use.

    Attributes:
        working: the working database; only this run writes it.
        run_id: the run in the ledger.
        now: the run's moment: every rule about time goes by it, and nothing reads a clock.
        observer: hears how it goes.
        sources: what is collected.
        memory: what places gave last time.
        production: where visitors' reports come from; None when none is configured.
        skip: sources that the run which this one resumes had finished.
        judge: answers what the rules leave open; None: it stays open.
    """

    working: Working
    run_id: UUID
    now: datetime
    observer: Observer
    sources: tuple[Source, ...] = ()
    memory: Memory | None = None
    production: ReadOnlyDatabase | None = None
    skip: frozenset[str] = frozenset()
    judge: Judge | None = None


class _Silent:
    """An observer that tells nobody."""

    def begin(self, stage: str) -> None:
        pass

    def advance(self, stage: str, done: int, total: int | None) -> None:
        pass

    def note(self, stage: str, text: str) -> None:
        pass

    def end(self, stage: str, report: StageReport) -> None:
        pass


SILENT: Final[Observer] = _Silent()


def ask(stage: str, questions: Iterable[Question], work: Work, context: Context) -> Judged | None:
    """Ask the language model what a stage's rules leave open; what it fails on stays open, and the run says so."""
    if context.judge is None:
        return None
    judged = context.judge.answer(questions, context.working, context.now)
    if judged.failure:
        work.failures.append(f"{stage}: {judged.failure}")
        context.observer.note(stage, f"{judged.failure}. What the rules left open stays as it was.")
    if judged.over_budget:
        context.observer.note(
            stage, f"The budget of calls is spent: {judged.over_budget} questions stay open."
        )
    work.unsettled = work.unsettled or bool(judged.failure or judged.over_budget)
    return judged


class Stage(Protocol):
    """The one public function of every module in `app/pipeline/stages`."""

    def __call__(self, work: Work, context: Context) -> dict[str, int]:
        """Do the stage's part of the work.

        Returns:
            What it did, for the table of counts and the ledger.
        """
