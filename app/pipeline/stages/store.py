"""Store: the tables hold exactly what the stages before decided; what is right already is not touched."""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, Final

from app.database import tables
from app.database.handles import WriteTransaction
from app.pipeline import rows
from app.pipeline.draft import Draft, Event, Venue
from app.pipeline.stage import Context, Work

_KEY: Final = attrgetter("key")
_PATIENCE: Final = 3600.0
"""Seconds for one statement: a million events take some minutes."""
_VENUE: Final = ("key", "name", "street", "city", "region", "postal_code", "country", "latitude", "longitude")
_EVENT: Final = (
    "key", "name", "description", "starts_at", "ends_at", "time_zone", "local_start_date", "local_start_time",
    "local_end_date", "local_end_time", "venue_key", "event_type", "dance_styles", "price_text", "price_low",
    "price_high", "currency", "is_free", "cancelled", "organiser", "source", "url",
)  # fmt: skip
_PROVENANCE: Final = ("sighting_key", "event_key", "rule", "reason", "notes")


def run(work: Work, context: Context) -> dict[str, int]:
    """Make venues, events and provenance say what was decided, in one transaction."""

    def unit(transaction: WriteTransaction) -> dict[str, int]:
        transaction.allow(_PATIENCE)
        with transaction.cursor() as cursor:
            rows.replace(cursor, tables.venues, _VENUE, map(_venue, _possible_venues(work)))
            changes = rows.replace(cursor, tables.events, _EVENT, map(_event, work.decided()))
            events = list(work.decided())
            context.observer.advance("store", len(events), len(events))
            rows.replace(cursor, tables.provenance, _PROVENANCE, _provenance(sorted(work.drafts, key=_KEY)))
            deleted = rows.remove_others(cursor, tables.events)
            used = {event.facts.venue.key for event in events if event.facts.venue}
            cursor.execute("DELETE FROM venues WHERE key <> ALL (%s)", (rows.array(used),))
            rows.remove_others(cursor, tables.provenance)
        return {
            "inserted": changes.inserted,
            "updated": changes.updated,
            "deleted": deleted,
            "unchanged": len(events) - changes.inserted - changes.updated,
        }

    return context.working.write(unit)


def _possible_venues(work: Work) -> Iterable[Venue]:
    """Those of the events that there are or may still be: events refer to them, so they come first."""
    drafts = (draft for draft in work.drafts if draft.live and (draft.event_key or not draft.rule))
    return {draft.venue.key: draft.venue for draft in drafts if draft.venue}.values()


def _venue(venue: Venue) -> tuple[Any, ...]:
    return (
        venue.key, venue.name, venue.street, venue.city, venue.region, venue.postal_code, venue.country,
        venue.latitude, venue.longitude,
    )  # fmt: skip


def _event(event: Event) -> tuple[Any, ...]:
    facts = event.facts
    price = facts.price
    return (
        event.key, facts.name, facts.description, facts.starts_at, facts.ends_at, facts.time_zone,
        facts.start_date, facts.start_time, facts.end_date, facts.end_time,
        facts.venue.key if facts.venue else None, facts.event_type, "{" + ",".join(map(_quoted, facts.dance_styles)) + "}",
        price.text, price.low, price.high, price.currency, price.is_free, facts.cancelled, facts.organiser,
        facts.source, facts.url,
    )  # fmt: skip


def _quoted(style: str) -> str:
    return f'"{style}"'


def _provenance(drafts: list[Draft]) -> Iterator[tuple[Any, ...]]:
    for draft in drafts:
        yield (
            draft.key,
            draft.event_key,
            draft.rule,
            draft.reason,
            rows.array(draft.notes) if draft.notes else "{}",
        )
