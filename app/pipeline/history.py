"""What the run ledger and the provenance tell, read-only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.database import tables
from app.database.handles import ReadOnlyDatabase


@dataclass(frozen=True, slots=True)
class StageRun:
    """A stage of a run; `seconds` is None while it works or when it was killed."""

    name: str
    outcome: str
    counts: Mapping[str, int]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Run:
    """A run; `killed` says that its process died and another run found it open."""

    id: UUID
    started_at: datetime
    seconds: float | None
    outcome: str
    target: str
    commit: str
    who: str
    host: str
    killed: bool
    failures: tuple[str, ...]
    stages: tuple[StageRun, ...]


def recent(database: ReadOnlyDatabase, limit: int) -> list[Run]:
    """The newest runs, the newest first, with their stages in order."""
    runs, stages = tables.runs, tables.stage_runs
    with database.read(snapshot=True) as transaction:
        rows = transaction.select(select(runs).order_by(runs.c.started_at.desc()).limit(limit)).all()
        asked = (
            select(stages).where(stages.c.run_id.in_([row.id for row in rows])).order_by(stages.c.position)
        )
        parts = transaction.select(asked).all()
    return [
        Run(
            row.id, row.started_at, _seconds(row.started_at, row.finished_at), row.outcome, row.target, row.commit,
            row.who, row.host, bool(row.detail.get("killed")), tuple(row.detail.get("failures", ())),
            tuple(
                StageRun(part.stage, part.outcome, part.counts, _seconds(part.started_at, part.finished_at))
                for part in parts
                if part.run_id == row.id
            ),
        )
        for row in rows
    ]  # fmt: skip


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else (end - start).total_seconds()


@dataclass(frozen=True, slots=True)
class Origin:
    """One sighting of an event, and what became of it.

    Attributes:
        gone_at: when its source stopped giving it.
        rule: what decided: `unique`, `merged`, or the rule that took it out.
        event_key: the event that it went into.
    """

    sighting_key: str
    source: str
    place: str
    name: str
    starts: str
    first_seen_at: datetime
    changed_at: datetime
    gone_at: datetime | None
    event_key: str | None
    rule: str
    reason: str
    notes: tuple[str, ...]


def explain(database: ReadOnlyDatabase, what: str, limit: int = 50) -> list[Origin]:
    """Where events came from.

    Args:
        database: whose.
        what: an event's key, a sighting's key, or words of a name.
        limit: at most so many sightings.

    Returns:
        The sightings of every event that fits, and sightings that fit and were not published.
    """
    said = tables.sightings
    why = tables.provenance
    joined = said.outerjoin(why, why.c.sighting_key == said.c.key)
    name, clock = said.c.said["name"].astext, said.c.said["start_time"].astext
    fits = (said.c.key == what) | (said.c.identity == what) | (why.c.event_key == what)
    if not any(character in what for character in "%_"):
        fits |= name.ilike(f"%{what}%")
    events = select(why.c.event_key).select_from(joined).where(fits, why.c.event_key.is_not(None))
    asked = (
        select(
            said.c.key, said.c.source, said.c.place, name.label("name"), said.c.starts_on, clock.label("clock"),
            said.c.first_seen_at, said.c.changed_at, said.c.gone_at, why.c.event_key, why.c.rule, why.c.reason,
            why.c.notes,
        )
        .select_from(joined)
        .where(fits | why.c.event_key.in_(events))
        .order_by(said.c.starts_on, why.c.event_key, said.c.source, said.c.key)
        .limit(limit)
    )  # fmt: skip
    with database.read() as transaction:
        return [
            Origin(
                row.key, row.source, row.place, row.name, f"{row.starts_on} {(row.clock or '')[:5]}".strip(),
                row.first_seen_at, row.changed_at, row.gone_at, row.event_key, row.rule or "gone",
                row.reason or "", tuple(row.notes or ()),
            )
            for row in transaction.select(asked)
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something that a source gave and that is no event."""

    source: str
    place: str
    line: int | None
    reason: str


def rejected(database: ReadOnlyDatabase) -> list[Rejected]:
    """Everything that sources give now and that is no event."""
    told = tables.rejects.c
    asked = select(told.source, told.place, told.line, told.reason).order_by(
        told.source, told.place, told.line
    )
    with database.read() as transaction:
        return [Rejected(*row) for row in transaction.select(asked)]
