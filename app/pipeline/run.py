"""The pipeline: its stages from top to bottom, and one run of them."""

import gc
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
from app.pipeline.turns import RunningStage, take_turns
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
BY_DAY: Final = "deduplicate"
"""From here on no stage looks beyond a day. So a day is stored while the next one is worked out; a language model,
which is to be asked about all days at once, ends that."""


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
    work, names = Work(), list(STAGES)
    start = names.index(first)
    silently = replace(context, observer=SILENT)
    stages = [
        RunningStage(
            name, STAGES[name], position, silently if position < start else context, position < start
        )
        for position, name in enumerate(names[: names.index(last) + 1])
    ]
    up_to_date = not _work_through(stages, work, context)
    outcome = "incomplete" if work.failures else "done"
    settled = not work.unsettled and (up_to_date or last == "store")
    detail = {"inputs": _inputs(context)} if settled and not up_to_date else {}
    ledger.finish(context.working, context.run_id, outcome, failures=work.failures, **detail)
    reports = tuple(stage.report for stage in stages if stage.report)
    return Result(context.run_id, outcome, reports, tuple(work.failures), tuple(work.rejects), up_to_date)


def _work_through(stages: Sequence[RunningStage], work: Work, context: Context) -> bool:
    """Let every stage do its part; False: nothing differs from the last run, and those after `collect` did none.

    Stages before the first are worked out again, silently: everything after `collect` follows from what is stored.
    """
    for position, stage in enumerate(stages):
        if stage.name == "collect" and stage.is_replay:
            continue
        if stage.name == "normalise" and stages[0].report and _nothing_new(context):
            return False
        if stage.name == BY_DAY and stages[-1].name == "store" and context.judge is None:
            take_turns(stages[position:], work)
            break
        stage.alone(work)
    return True


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
