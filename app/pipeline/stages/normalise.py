"""Normalise: sightings, as sources wrote them, become drafts that can be compared."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import TypeAdapter

from app.database.handles import WritableDatabase
from app.pipeline import clock, links, money, places, reports, styles
from app.pipeline.draft import Draft, Price
from app.pipeline.event import Sighting
from app.pipeline.stage import Context, Work
from app.pipeline.text import clean_block, clean_line

_SIGHTINGS: Final = TypeAdapter(list[Sighting])
_BATCH: Final = 2_000
_NO_PRICE: Final = Price()
REMEMBERED: Final = timedelta(days=400)
"""How long after its day a sighting that its source gave up may still name an event."""


def run(work: Work, context: Context) -> dict[str, int]:
    """Read every sighting that may matter and say what it means."""
    counts = Counter(read=0, interpreted=0, impossible=0)
    settled: list[tuple[Draft, places.Described | None]] = []
    for seen in _read(context.database, context.now):
        place = places.describe(seen.said)
        settled.append((_draft(seen, place), place))
        if not len(settled) % _BATCH:
            context.observer.advance("normalise", len(settled), None)
    venues = places.settle(place for _, place in settled if place is not None)
    for draft, place in settled:
        if place is not None:
            draft.venue = venues[place]
        counts["interpreted"] += bool(draft.notes)
        counts["impossible"] += bool(draft.rule)
    work.drafts = [draft for draft, _ in settled]
    work.reported = reports.cancelled(context.database)
    counts["read"] = len(work.drafts)
    return {**counts, "venues": len(set(venues.values()))}


@dataclass(frozen=True, slots=True)
class _Seen:
    key: str
    identity: str
    first_seen_at: datetime
    live: bool
    said: Sighting


def _read(database: WritableDatabase, now: datetime) -> Iterator[_Seen]:
    with database.read(snapshot=True) as transaction, transaction.cursor() as cursor:
        cursor.execute(
            "SELECT key, identity, first_seen_at, gone_at IS NULL, said::text FROM sightings"
            " WHERE gone_at IS NULL OR starts_on >= %s ORDER BY key",
            ((now - REMEMBERED).date(),),
        )
        while batch := cursor.fetchmany(_BATCH):
            said = _SIGHTINGS.validate_json("[" + ",".join(row[4] for row in batch) + "]")
            for row, sighting in zip(batch, said, strict=True):
                yield _Seen(row[0], row[1], row[2], row[3], sighting)


def _draft(seen: _Seen, place: places.Described | None) -> Draft:
    said = seen.said
    name = clean_line(said.name)
    description = clean_block(said.description)
    when = clock.settle(said, places.zone_of(place))
    return Draft(
        key=seen.key,
        identity=seen.identity,
        first_seen_at=seen.first_seen_at,
        live=seen.live,
        source=said.source,
        name=name or said.name,
        description=description,
        starts_at=when.starts_at,
        ends_at=when.ends_at,
        time_zone=when.time_zone,
        start_date=when.start_date,
        start_time=when.start_time,
        end_date=when.end_date,
        end_time=when.end_time,
        venue=None,
        event_type=styles.event_type(said.event_type, name),
        dance_styles=styles.dance_styles(said.dance_style, name, description),
        price=money.price_of(said.price, said.currency) if said.price else _NO_PRICE,
        cancelled=said.cancelled,
        organiser=clean_line(said.organiser),
        url=links.canonical(said.url) if said.url else None,
        notes=[*said.notes, *when.notes],
        rule="impossible date" if when.impossible else "",
        reason=when.impossible,
    )
