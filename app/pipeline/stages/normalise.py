"""Normalise: sightings, as sources wrote them, become drafts that can be compared."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.database.handles import ReadTransaction
from app.pipeline import clock, links, money, places, reports, rows, styles
from app.pipeline.draft import Draft, Price, Venue
from app.pipeline.seen import Seen, from_json
from app.pipeline.stage import Context, Work
from app.pipeline.text import clean_block, clean_line

_BATCH: Final = 2_000
_NO_PRICE: Final = Price()
REMEMBERED: Final = timedelta(days=400)
"""How long after its day a sighting that its source gave up may still name an event."""


def run(work: Work, context: Context) -> dict[str, int]:
    """Read every sighting that may matter and say what it means."""
    stored = _read(context, known=[one.key for one in work.seen])
    drafts = drafts_of(work.seen + stored)
    work.drafts, work.seen = drafts, []
    work.reported = reports.cancelled(context.working)
    return {
        "read": len(drafts),
        "interpreted": sum(bool(draft.notes) for draft in drafts),
        "impossible": sum(bool(draft.rule) for draft in drafts),
        "venues": len({draft.venue.key for draft in drafts if draft.venue}),
    }


def drafts_of(seen: Iterable[Seen]) -> list[Draft]:
    """The drafts of sightings; their venues are settled together, so that several texts mean one venue."""
    described = [(one, places.describe(one.said)) for one in seen]
    venues = places.settle(place for _, place in described if place is not None)
    return [_draft(one, place, venues[place] if place else None) for one, place in described]


def _read(context: Context, known: list[str]) -> list[Seen]:
    """The stored sightings that may matter, but for those that are known."""

    def unit(transaction: ReadTransaction) -> list[Seen]:
        found: list[Seen] = []
        with transaction.cursor() as cursor:
            # A cursor of the server's: the client never holds more than a batch of the texts.
            cursor.execute(
                "DECLARE stored NO SCROLL CURSOR FOR"
                " SELECT key, identity, first_seen_at, gone_at IS NULL, said::text FROM sightings"
                " WHERE (gone_at IS NULL OR starts_on >= %s) AND key <> ALL (%s)",
                ((context.now - REMEMBERED).date(), rows.array(known)),
            )
            while batch := _fetch(cursor):
                context.observer.advance("normalise", len(found), None)
                said = from_json(row[-1] for row in batch)
                found += [
                    Seen(row[0], row[1], row[2], row[3], one) for row, one in zip(batch, said, strict=True)
                ]
        return found

    return context.working.read(unit)


def _fetch(cursor: Cursor) -> list[tuple[Any, ...]]:
    cursor.execute(f"FETCH {_BATCH} FROM stored")
    return cursor.fetchall()


def _draft(seen: Seen, place: places.Described | None, venue: Venue | None) -> Draft:
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
        venue=venue,
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
