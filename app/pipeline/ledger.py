"""The run ledger: who ran what, when, on which database, and how each stage went."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, cast, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from app.database import tables
from app.database.handles import ReadTransaction, WritableDatabase, WriteTransaction
from app.database.origin import origin
from app.errors import AppError
from app.pipeline.stage import StageReport
from app.pipeline.working import Working


class NothingToResumeError(AppError):
    """The last run ended by itself, so there is nothing to resume. Run `dance pipeline` without --resume."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A run that was killed: what it had finished.

    Attributes:
        run_id: the run.
        now: its moment, which the resumed run keeps.
        sources: sources whose sightings are stored.
        stages: stages that ended.
    """

    run_id: UUID
    now: datetime
    sources: frozenset[str]
    stages: frozenset[str]


def start(working: Working, *, now: datetime, detail: Mapping[str, Any]) -> UUID:
    """Enter a run; close those that a killed process left open."""
    run_id = uuid4()

    def enter(transaction: WriteTransaction) -> None:
        transaction.execute(
            update(tables.runs)
            .where(tables.runs.c.outcome == "running", tables.runs.c.id != run_id)
            .values(outcome="failed", finished_at=func.clock_timestamp(), detail=_and(killed=True))
        )
        transaction.execute(
            insert(tables.runs)
            .values(
                id=run_id,
                target=str(working.database.environment),
                host=origin().host,
                who=origin().who,
                commit=origin().commit,
                detail={"now": now.isoformat(), **detail},
            )
            .on_conflict_do_nothing()
        )

    working.write(enter)
    return run_id


def finish(working: Working, run_id: UUID, outcome: str, **detail: Any) -> None:
    """Close a run."""

    def close(transaction: WriteTransaction) -> None:
        transaction.execute(
            update(tables.runs)
            .where(tables.runs.c.id == run_id)
            .values(outcome=outcome, finished_at=func.clock_timestamp(), detail=_and(**detail))
        )
        transaction.execute(
            update(tables.stage_runs)
            .where(tables.stage_runs.c.run_id == run_id, tables.stage_runs.c.outcome == "running")
            .values(outcome="failed", finished_at=func.clock_timestamp())
        )

    working.write(close)


def start_stage(working: Working, run_id: UUID, stage: str, position: int) -> None:
    """Enter a stage of a run."""
    entry = insert(tables.stage_runs).values(run_id=run_id, stage=stage, position=position)
    working.write(lambda transaction: transaction.execute(entry.on_conflict_do_nothing()).close())


def finish_stage(working: Working, run_id: UUID, report: StageReport) -> None:
    """Close a stage of a run; of stages that take turns each is entered with its own seconds."""
    closed = (
        update(tables.stage_runs)
        .where(tables.stage_runs.c.run_id == run_id, tables.stage_runs.c.stage == report.stage)
        .values(
            outcome=report.outcome,
            finished_at=tables.stage_runs.c.started_at + timedelta(seconds=report.seconds),
            counts=dict(report.counts),
        )
    )
    working.write(lambda transaction: transaction.execute(closed).close())


def mark_collected(transaction: WriteTransaction, run_id: UUID, source: str) -> None:
    """Say that a source's sightings are stored, in the transaction that stores them."""
    with transaction.cursor() as cursor:
        cursor.execute(
            "UPDATE control.runs SET detail = jsonb_set(detail, '{collected}',"
            " coalesce(detail->'collected', '[]') || to_jsonb(%s::text)) WHERE id = %s",
            (source, str(run_id)),
        )


def interrupted(database: WritableDatabase) -> Interrupted:
    """The run that `--resume` goes on with.

    Raises:
        NothingToResumeError: the last run was not killed.
    """
    with database.read() as transaction:
        last = transaction.select(
            select(tables.runs).order_by(tables.runs.c.started_at.desc()).limit(1)
        ).first()
        if last is None or last.outcome in ("done", "incomplete"):
            raise NothingToResumeError
        done = transaction.select(
            select(tables.stage_runs.c.stage).where(
                tables.stage_runs.c.run_id == last.id, tables.stage_runs.c.outcome == "done"
            )
        ).scalars()
        return Interrupted(
            last.id,
            datetime.fromisoformat(last.detail["now"]),
            frozenset(last.detail.get("collected", ())) | frozenset(last.detail.get("inherited", ())),
            frozenset(done),
        )


def abandon(working: Working, run_id: UUID) -> None:
    """Close a run that something ended; the next run does it when the database itself is away."""
    with suppress(AppError):
        finish(working.at_once(), run_id, "failed")


def last_inputs(transaction: ReadTransaction) -> str | None:
    """The digest of what the newest stored result came from; None before the first."""
    asked = select(tables.runs.c.detail["inputs"].astext).where(tables.runs.c.detail.has_key("inputs"))
    return transaction.select(asked.order_by(tables.runs.c.started_at.desc()).limit(1)).scalar_one_or_none()


def _and(**detail: Any) -> ColumnElement[Any]:
    return tables.runs.c.detail.op("||")(cast(detail, JSONB))
