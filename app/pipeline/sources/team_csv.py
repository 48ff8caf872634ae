"""Source `csv`: tables of events with the team's column names."""

from collections.abc import Iterator
from datetime import date
from typing import Literal

from app.pipeline.event import Finding, Reject, Sighting
from app.pipeline.sources.entry import Addresses, Entry
from app.pipeline.sources.fetching import Fetcher, Page
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.table import read_table
from app.pipeline.sources.formats.text import decode
from app.pipeline.sources.places import read_places


class Settings(Entry):
    """An entry of kind `csv`."""

    kind: Literal["csv"]
    places: Addresses
    """Files and URLs of tables."""


def collect(settings: Settings, fetcher: Fetcher, today: date) -> Iterator[Finding]:  # noqa: ARG001 - one contract for all sources
    """The events of all tables, row by row."""
    requests = [settings.request(place) for place in settings.places]
    yield from read_places(settings, fetcher, requests, _read)


def _read(page: Page, origin: Origin) -> Iterator[Sighting | Reject]:
    return read_table(decode(page.body, page.content_type), origin)
