"""The operators' page: which databases, how they are, what the last promotions and runs did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy import Row, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.database.handles import ReadTransaction
from app.database.health import Health, ready
from app.database.tables import promotions, runs, stage_runs
from app.errors import AppError
from app.web.access import Operator
from app.web.charts import ROW, WIDTH, Change, bars_of
from app.web.rendering import page
from app.web.service import Running

SHOWN = 50
"""Promotions and runs."""

router = APIRouter()


@dataclass(frozen=True)
class Promotion:
    """A promotion or a rollback, for the list."""

    id: int
    kind: str
    finished_at: datetime
    who: str
    origin: str
    seconds: float
    digest: str
    undone_by: int | None
    overrides: tuple[str, ...]
    change: Change

    @classmethod
    def of(cls, row: Row[*tuple[Any, ...]]) -> Self:
        """From a row of control.promotions."""
        # A count that is no number of rows (bytes, say) has another name.
        sums = {
            name: sum(int(table.get(name, 0)) for table in row.counts.values() if isinstance(table, dict))
            for name in ("inserted", "updated", "deleted")
        }
        return cls(
            row.id,
            row.kind,
            row.finished_at,
            row.who,
            f"{row.from_environment} on {row.host}",
            sum(float(seconds) for seconds in row.seconds.values()),
            row.digest,
            row.undone_by,
            tuple(f"{gate}: {reason}" for gate, reason in row.overrides.items()),
            Change(row.finished_at, **sums),
        )


@dataclass(frozen=True)
class History:
    """What a database remembers of what was done to it, newest first."""

    promotions: list[Promotion]
    runs: Sequence[Row[*tuple[Any, ...]]]
    stages: Mapping[UUID, str]
    """By run: each stage and how it ended, in their order."""

    @classmethod
    def read(cls, transaction: ReadTransaction) -> Self:
        """The newest promotions and runs."""
        newest = select(runs).order_by(runs.c.started_at.desc()).limit(SHOWN)
        said = stage_runs.c.stage + " " + stage_runs.c.outcome
        said = func.string_agg(said, aggregate_order_by(literal(", "), stage_runs.c.position))
        stages = (
            select(stage_runs.c.run_id, said)
            .where(stage_runs.c.run_id.in_(select(newest.subquery().c.id)))
            .group_by(stage_runs.c.run_id)
        )
        done = transaction.select(select(promotions).order_by(promotions.c.id.desc()).limit(SHOWN))
        return cls(
            [Promotion.of(row) for row in done],
            transaction.select(newest).all(),
            dict(transaction.select(stages).all()),
        )


@router.get("/status")
def status(request: Request, _: Operator, service: Running) -> Response:
    """The state of everything, as far as it can be reached."""
    databases = service.databases
    healths: dict[str, Health] = {
        use: ready(database, connections=databases.connections) for use, database in databases.watched.items()
    }
    history: History | None
    try:
        history = databases.ask(History.read, snapshot=True)
    except AppError:
        history = None  # The page is for exactly such moments: health says what is the matter.
    changes = [promotion.change for promotion in reversed(history.promotions)] if history else []
    context = {
        "healths": healths,
        "labels": {use: database.label for use, database in databases.watched.items()},
        "why_closed": databases.why_closed,
        "history": history,
        "chart": {"width": WIDTH, "height": 3 * ROW, "rows": bars_of(changes)} if changes else None,
        "now": datetime.now(service.settings.web.zone),
    }
    return page(request, "status.html", context, headers={"Cache-Control": "no-store"})
