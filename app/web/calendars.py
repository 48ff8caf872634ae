"""Events as iCalendar (RFC 5545), to subscribe to or to add one."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from icalendar import Calendar
from icalendar import Event as Entry

from app.web.rendering import link
from app.web.schemas import Event, Venue

MEDIA_TYPE: Final = "text/calendar"
REFRESH: Final = timedelta(hours=6)
"""How often a subscription should look again."""


def calendar_of(events: Iterable[Event], *, name: str, address: str) -> bytes:
    """A calendar of these events.

    Args:
        events: in any order.
        name: what calendar applications call it.
        address: where this service is, for links back.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//dance//events//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})
    now = datetime.now(UTC)
    for event in events:
        calendar.add_component(_entry(event, address, now))
    written: bytes = calendar.to_ical()
    return written


def place_of(venue: Venue) -> str:
    """A venue in one line."""
    parts = (venue.name, venue.street, venue.city, venue.region, venue.postal_code)
    return ", ".join(part for part in parts if part)


def _entry(event: Event, address: str, now: datetime) -> Entry:
    entry = Entry()
    entry.add("uid", f"{event.key}@dance")
    entry.add("dtstamp", now)
    entry.add("summary", event.name)
    if event.local_start_time is None:
        entry.add("dtstart", event.local_start_date)
        if event.local_end_date is not None:
            # The end of a whole day is the day after (section 3.6.1).
            entry.add("dtend", event.local_end_date + timedelta(days=1))
    else:
        entry.add("dtstart", event.starts_at)
        if event.ends_at is not None:
            entry.add("dtend", event.ends_at)
    entry.add("status", "CANCELLED" if event.cancelled else "CONFIRMED")
    entry.add("url", link(event.url) or f"{address}/events/{event.key}")
    if event.description:
        entry.add("description", event.description)
    if event.dance_styles:
        entry.add("categories", event.dance_styles)
    if event.venue is not None:
        entry.add("location", place_of(event.venue))
        if event.venue.latitude is not None and event.venue.longitude is not None:
            entry.add("geo", (event.venue.latitude, event.venue.longitude))
    return entry
