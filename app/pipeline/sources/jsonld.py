"""Source `jsonld`: single pages that describe events with schema.org, as JSON-LD or microdata."""

from collections.abc import Iterator
from datetime import date
from typing import Literal

from app.pipeline.event import Finding, Reject, Sighting
from app.pipeline.sources.entry import Addresses, Entry
from app.pipeline.sources.fetching import Fetcher, Page
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.structured_data import read_structured_data
from app.pipeline.sources.formats.text import decode
from app.pipeline.sources.places import read_places


class Settings(Entry):
    """An entry of kind `jsonld`."""

    kind: Literal["jsonld"]
    places: Addresses
    """Files and URLs of pages; the links in them are not followed, `websites` does that."""


def collect(settings: Settings, fetcher: Fetcher, today: date) -> Iterator[Finding]:  # noqa: ARG001 - one contract for all sources
    """The events that the pages describe."""
    requests = [settings.request(place, crawled=True) for place in settings.places]
    yield from read_places(settings, fetcher, requests, _read)


def _read(page: Page, origin: Origin) -> Iterator[Sighting | Reject]:
    return read_structured_data(decode(page.body, page.content_type), origin, page.url)
