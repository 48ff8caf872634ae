"""Source `jsonld`: single pages that describe events with schema.org, as JSON-LD or microdata."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Literal

from pydantic import Field

from app.pipeline.event import Finding, Reject, Sighting
from app.pipeline.sources.entry import Addresses, Entry
from app.pipeline.sources.fetching import Fetcher, Page
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.schedule import Days
from app.pipeline.sources.formats.structured_data import read_structured_data
from app.pipeline.sources.formats.text import decode
from app.pipeline.sources.places import read_places


class Settings(Entry):
    """An entry of kind `jsonld`."""

    kind: Literal["jsonld"]
    places: Addresses
    """Files and URLs of pages; the links in them are not followed, `websites` does that."""
    horizon_days: int = Field(default=120, ge=1, le=730)
    """How many days from today events with a schedule are written out."""


def collect(settings: Settings, fetcher: Fetcher, today: date) -> Iterator[Finding]:
    """The events that the pages describe."""
    requests = [settings.request(place, today=today, crawled=True) for place in settings.places]
    days = Days(today, today + timedelta(days=settings.horizon_days))
    yield from read_places(settings, fetcher, requests, partial(_read, days=days))


def _read(page: Page, origin: Origin, *, days: Days) -> Iterator[Sighting | Reject]:
    return read_structured_data(decode(page.body, page.content_type), origin, page.url, days)
