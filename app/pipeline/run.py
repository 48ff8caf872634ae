"""The pipeline: its stages from top to bottom, and one run of them."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from app.database.handles import ReadOnlyDatabase, WritableDatabase
from app.errors import Refused
from app.pipeline import inputs, ledger
from app.pipeline.event import Reject
from app.pipeline.questions import Judge
from app.pipeline.stage import SILENT, Context, Memory, Observer, Source, Stage, StageReport, Work
from app.pipeline.stages import clean_up, collect, deduplicate, normalise, relevance, store
from app.pipeline.working import exclusive
from settings import DatabaseTarget
from settings.connections import ConnectionSettings

STAGES: Final[dict[str, Stage]] = {
    "collect": collect.run,
    "normalise": normalise.run,
    "clean-up": clean_up.run,
    "deduplicate": deduplicate.run,
    "relevance": relevance.run,
    "store": store.run,
}
"""Every stage by its name, in order. A new one is a module in `stages/` and a line here."""


class ProductionTargetError(Refused):
    """The pipeline does not work on render_prod. Set DATABASE_TARGET to local or render_dev; --promote publishes."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a run went.

    Attributes:
        outcome: "done", or "incomplete" when something failed and the rest went on.
        reports: one for each stage that ran.
        failures: what failed, for people.
        rejects: what sources gave that is no event and was not known yet.
        up_to_date: nothing differs from the last run, so that the stages after `collect` had nothing to do.
    """

    run_id: UUID
    outcome: str
    reports: tuple[StageReport, ...]
    failures: tuple[str, ...]
    rejects: tuple[Reject, ...]
    up_to_date: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run.

    Attributes:
        sources: what `collect` asks.
        memory: what places gave last time.
        first: the first stage; those before it are taken from what the database holds.
        last: the last stage.
        resume: go on with the run that was killed.
        now: the run's moment.
        judge: the language model, when one is configured.
    """

    sources: Sequence[Source] = ()
    memory: Memory | None = None
    first: str = "collect"
    last: str = "store"
    resume: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    judge: Judge | None = None


def run(
    database: WritableDatabase,
    plan: Plan,
    observer: Observer,
    *,
    production: ReadOnlyDatabase | None = None,
    connections: ConnectionSettings | None = None,
) -> Result:
    """Run the pipeline on a working database.

    Args:
        database: is written; never production.
        plan: which stages, on which sources.
        observer: hears how it goes.
        production: where visitors' reports are read.
        connections: how long to try again when a connection was lost; their defaults when None.

    Raises:
        ProductionTargetError: the database is production.
        AnotherRunError: another run works on it.
        NothingToResumeError: `resume`, but the last run was not killed.
        AppError: a stage failed; what the stages before it stored stays.
    """
    if database.environment is DatabaseTarget.RENDER_PROD:
        raise ProductionTargetError
    with exclusive(database, connections) as working:
        killed = ledger.interrupted(database) if plan.resume else None
        now = killed.now if killed else plan.now
        first = _first_open(killed.stages) if killed else plan.first
        done = killed.sources if killed else frozenset()
        run_id = ledger.start(
            working, now=now, detail={"first": first, "last": plan.last, "inherited": sorted(done)}
        )
        context = Context(
            working=working, run_id=run_id, now=now, observer=observer, sources=tuple(plan.sources),
            memory=plan.memory, production=production, skip=done, judge=plan.judge,
        )  # fmt: skip
        try:
            with _no_search_for_cycles():
                return _stages(context, first, plan.last)
        except BaseException:
            ledger.abandon(working, run_id)
            raise


def _stages(context: Context, first: str, last: str) -> Result:
    work, reports, up_to_date = Work(), [], False
    names = list(STAGES)
    start = names.index(first)
    for position, name in enumerate(names[: names.index(last) + 1]):
        if position < start:
            _replay(name, work, context)
            continue
        if name == "normalise" and start == 0 and _nothing_new(context):
            up_to_date = True
            break
        reports.append(_stage(name, position, work, context))
    outcome = "incomplete" if work.failures else "done"
    settled = not work.unsettled and (up_to_date or last == "store")
    detail = {"inputs": _inputs(context)} if settled and not up_to_date else {}
    ledger.finish(context.working, context.run_id, outcome, failures=work.failures, **detail)
    return Result(
        context.run_id, outcome, tuple(reports), tuple(work.failures), tuple(work.rejects), up_to_date
    )


def _stage(name: str, position: int, work: Work, context: Context) -> StageReport:
    context.observer.begin(name)
    ledger.start_stage(context.working, context.run_id, name, position)
    began, failures = time.monotonic(), len(work.failures)
    counts = STAGES[name](work, context)
    outcome = "done" if len(work.failures) == failures else "incomplete"
    ledger.finish_stage(context.working, context.run_id, name, outcome, counts)
    report = StageReport(name, outcome, counts, time.monotonic() - began)
    context.observer.end(name, report)
    return report


def _replay(name: str, work: Work, context: Context) -> None:
    """Bring the work to where the first stage finds it: everything after `collect` follows from what is stored."""
    if name != "collect":
        STAGES[name](work, replace(context, observer=SILENT))


def _first_open(done: frozenset[str]) -> str:
    return next((name for name in STAGES if name not in done), "store")


def _nothing_new(context: Context) -> bool:
    last = context.working.read(ledger.last_inputs)
    return last is not None and last == _inputs(context)


def _inputs(context: Context) -> str:
    return context.working.read(
        lambda transaction: inputs.digest_of(transaction, context.now, _model(context))
    )


def _model(context: Context) -> str:
    return context.judge.model if context.judge else ""


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    # Millions of objects and no cycles among them: to look for some took a third of a run's time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
