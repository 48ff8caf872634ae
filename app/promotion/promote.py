"""Promotion from end to end: plan, consent, apply, verify, remember."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.database.handles import ReadOnlyDatabase, WritableDatabase
from app.database.origin import Origin
from app.promotion import guard
from app.promotion.apply import stage_and_run
from app.promotion.failures import noted
from app.promotion.first_copy import copied, first_copy_message
from app.promotion.hashing import Hashing
from app.promotion.known import remembered
from app.promotion.ledger import Entry
from app.promotion.plan import Plan, Strategy, TablePlan
from app.promotion.planning import Request, make_plan, timed
from app.promotion.scans import content_sums
from app.promotion.script import Limits, message
from app.promotion.staging import stagings

Readable = ReadOnlyDatabase | WritableDatabase


@dataclass(frozen=True)
class Outcome:
    """What a promotion did.

    Attributes:
        plan: what was applied.
        changed: whether anything was written; a plan without changes writes nothing.
        seconds: by phase.
    """

    plan: Plan
    changed: bool
    seconds: Mapping[str, float] = field(default_factory=dict)


def plan(source: Readable, production: Readable, request: Request, *, seed: int | None = None) -> Plan:
    """What a promotion would do now.

    Args:
        source: the working database.
        production: read only here.
        request: what to promote.
        seed: of an earlier plan, to get the same digest when nothing has changed since.

    Raises:
        GuardedError: a guard refused before anything was compared.
        TemporaryFailure: one of the two does not answer.
    """
    labels = f"{source.environment} ({source.label})", f"{production.environment} ({production.label})"
    with (
        source.read(snapshot=True) as ours,
        production.read(snapshot=True) as theirs,
        ours.cursor() as left,
        theirs.cursor() as right,
    ):
        return make_plan(left, right, labels, request, seed)


def promote(
    source: Readable,
    production: WritableDatabase,
    request: Request,
    *,
    origin: Origin,
    consent: Callable[[Plan], None],
    limits: Limits,
    seed: int | None = None,
) -> Outcome:
    """Make production's tables equal to the source's, in one transaction.

    Args:
        source: the working database; read in one snapshot from the plan to the last row.
        production: read for the plan, written after consent.
        request: what to promote.
        origin: who promotes.
        consent: called with the plan; raises to refuse.
        limits: of waiting.
        seed: of the plan that was consented to.

    Raises:
        GuardedError: a guard refused.
        AlreadyRunningError: another promotion is running.
        StalePlanError: production changed between plan and lock.
        UnverifiedError: production would have differed from the source.
        TemporaryFailure: a connection was lost, or a lock or timeout ended it.
    """
    labels = f"{source.environment} ({source.label})", f"{production.environment} ({production.label})"
    with source.read(snapshot=True) as ours, ours.cursor() as left:
        with production.read(snapshot=True) as theirs, theirs.cursor() as right:
            made = make_plan(left, right, labels, request, seed)
        seconds = dict(made.seconds)
        if not made.changes:
            return Outcome(made, changed=False, seconds=seconds)
        guard.refuse(made.findings, request.tolerance.overrides)
        consent(made)
        entry = _entry(made, request, origin, seconds)
        staged = stagings(made.tables, made.destination.relations)
        first = [table for table in made.tables if table.strategy is Strategy.FIRST]
        with timed(seconds, "apply"), _hashed_meanwhile(source, left, first, made.hashing) as hashed:

            def script() -> str:
                hashed()
                fresh = [staging for staging in staged if staging.table in first]
                if fresh == staged:
                    return first_copy_message(entry, staged, made.hashing, limits)
                return message(
                    entry, [staging for staging in staged if staging not in fresh], made.hashing,
                    made.destination, limits, full=request.verify_full, before_commit=copied(fresh, made.hashing),
                )  # fmt: skip

            with noted(production, entry):
                stage_and_run(
                    production, left, staged, made.hashing, script=script, run_id=entry.run_id,
                    moved=request.moved, phase=request.phase,
                )  # fmt: skip
    return Outcome(made, changed=True, seconds=seconds)


@contextmanager
def _hashed_meanwhile(
    source: Readable, cursor: Cursor, tables: Sequence[TablePlan], hashing: Hashing
) -> Iterator[Callable[[], None]]:
    """Hash tables of the source on a second connection, in the snapshot of the first, while they are copied.

    Yields:
        What waits until the tables' differences have their sums.
    """
    if not tables:
        yield lambda: None
        return
    cursor.execute("SELECT pg_export_snapshot()")
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row

    def sums() -> list[int]:
        with source.read(snapshot=str(row[0])) as transaction, transaction.cursor() as other:
            return content_sums(other, [table.relation for table in tables], hashing)

    with ThreadPoolExecutor(1) as thread:
        pending = thread.submit(sums)

        def wait() -> None:
            for table, sum_ in zip(tables, pending.result(), strict=True):
                table.difference.sums = (sum_, 0)

        yield wait


def _entry(made: Plan, request: Request, origin: Origin, seconds: Mapping[str, float]) -> Entry:
    used = {finding.gate for finding in made.blocking}
    return Entry(
        kind="promotion",
        origin=origin,
        from_environment=made.source.stamped_as or "unknown",
        from_stamp=made.source.stamp_id,
        digest=made.digest,
        seed=made.hashing.stored,
        columns={
            table.relation.quoted: [column.name for column in table.relation.columns]
            for table in made.tables
            if table.changes
        },
        source_as_of=(made.source.last_run or {}).get("finished_at"),
        counts={
            table.relation.quoted: {
                "inserted": table.inserted, "updated": table.updated, "deleted": table.deleted,
            }
            for table in made.tables
        },
        seconds=seconds,
        overrides={g: why for g, why in request.tolerance.overrides.items() if g in used},
        known=remembered(made),
        run=made.source.last_run,
    )  # fmt: skip
