"""Source `icalendar`: calendars that are published to be subscribed to."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Literal

from pydantic import Field

from app.pipeline.event import Finding, Reject, Sighting
from app.pipeline.sources.entry import Addresses, Entry
from app.pipeline.sources.fetching import Fetcher, Page
from app.pipeline.sources.formats.calendar import read_calendar
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.text import decode
from app.pipeline.sources.places import read_places


class Settings(Entry):
    """An entry of kind `icalendar`."""

    kind: Literal["icalendar"]
    places: Addresses
    """Files and URLs of calendars."""
    horizon_days: int = Field(default=120, ge=1, le=730)
    """How many days from today recurring events are written out."""


def collect(settings: Settings, fetcher: Fetcher, today: date) -> Iterator[Finding]:
    """The occurrences in all calendars from today to the horizon."""
    requests = [settings.request(place, today=today) for place in settings.places]
    last = today + timedelta(days=settings.horizon_days)
    yield from read_places(settings, fetcher, requests, partial(_read, first=today, last=last))


def _read(page: Page, origin: Origin, *, first: date, last: date) -> Iterator[Sighting | Reject]:
    return read_calendar(decode(page.body, page.content_type), origin, first, last)
