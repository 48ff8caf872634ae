"""The operators' page: which databases, how they are, what the last promotions and runs did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy import Row, select

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
    """A promotion or a rollback, for the list.

    Attributes:
        run: the pipeline run whose work it published; None for a rollback and where no run was.
    """

    id: int
    kind: str
    finished_at: datetime
    who: str
    origin: str
    seconds: float
    commit: str
    digest: str
    run: UUID | None
    undone_by: int | None
    overrides: tuple[str, ...]
    change: Change

    @classmethod
    def of(cls, row: Row[*tuple[Any, ...]]) -> Self:
        """From a row of control.promotions and its run's `source_run`."""
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
            row.commit[:8],
            row.digest,
            row.source_run,
            row.undone_by,
            tuple(f"{gate}: {reason}" for gate, reason in row.overrides.items()),
            Change(row.finished_at, **sums),
        )


@dataclass(frozen=True)
class Stage:
    """A stage of a run: how it ended, and what it counted, in words."""

    stage: str
    outcome: str
    said: str

    @classmethod
    def of(cls, row: Row[*tuple[Any, ...]]) -> Self:
        """From a row of control.stage_runs."""
        said = ", ".join(f"{count:,} {name}" for name, count in row.counts.items() if count)
        return cls(row.stage, row.outcome, said)


@dataclass(frozen=True)
class History:
    """What a database remembers of what was done to it, newest first.

    A working database has every run of its own. Production has the runs whose work was published there:
    each promotion brings the one that it comes from.
    """

    promotions: list[Promotion]
    runs: Sequence[Row[*tuple[Any, ...]]]
    stages: Mapping[UUID, list[Stage]]
    """By run, in their order."""

    @property
    def publishers(self) -> Mapping[UUID, Promotion]:
        """By run: the first promotion that published it, of those that are shown."""
        return {promotion.run: promotion for promotion in self.promotions if promotion.run}

    @classmethod
    def read(cls, transaction: ReadTransaction) -> Self:
        """The newest promotions and runs."""
        newest = select(runs).order_by(runs.c.started_at.desc()).limit(SHOWN)
        parts = transaction.select(
            select(stage_runs)
            .where(stage_runs.c.run_id.in_(select(newest.subquery().c.id)))
            .order_by(stage_runs.c.run_id, stage_runs.c.position)
        )
        stages = {
            run: [Stage.of(row) for row in of_run] for run, of_run in groupby(parts, attrgetter("run_id"))
        }
        done = transaction.select(
            select(promotions, runs.c.id.label("source_run"))
            .outerjoin(runs, runs.c.finished_at == promotions.c.source_as_of)
            .order_by(promotions.c.id.desc())
            .limit(SHOWN)
        )
        return cls(
            [Promotion.of(row) for row in done],
            transaction.select(newest).all(),
            stages,
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
