"""Source `eventbrite`: searches and organisers by their pages, by the API with a token, or by a CSV export."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, StringConstraints, model_validator

from app.pipeline.event import Finding, Reject, Sighting
from app.pipeline.sources.crawling import Limits, Seed, crawl
from app.pipeline.sources.entry import Address, Entry
from app.pipeline.sources.failures import SourceError
from app.pipeline.sources.fetching import Fetcher, Page, Request
from app.pipeline.sources.formats.eventbrite_api import read_events
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.table import read_table
from app.pipeline.sources.formats.text import decode
from app.pipeline.sources.paging import Asking, read_lists
from app.pipeline.sources.places import read_places

_HORIZON_DAYS = 120
"""How many days from today a page's repeating events are written out."""


class Search(BaseModel):
    """What to look for, as Eventbrite's own addresses spell it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    place: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    """Such as `canada--victoria`."""
    keyword: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    """Such as `salsa`."""


class Settings(Entry):
    """An entry of kind `eventbrite`."""

    kind: Literal["eventbrite"]
    searches: tuple[Search, ...] = ()
    """Searches by place and keyword; their result pages lead to the events' pages."""
    organisers: tuple[Annotated[str, StringConstraints(pattern=r"^\d+$")], ...] = ()
    """Ids of organisers: read through the API when EVENTBRITE_TOKEN is set, else through their pages."""
    exports: tuple[Address, ...] = ()
    """CSVs with the team's columns, made on a machine that Eventbrite lets in."""
    pages: int = Field(default=2, ge=1, le=20)
    """Result pages of each search."""
    max_events: int = Field(default=200, ge=1, le=2_000)
    """Most pages, of results and of events, in one run."""
    site: Address = "https://www.eventbrite.ca"
    """The site's address."""
    api: Address = "https://www.eventbriteapi.com/v3"
    """The API's address."""
    _token: SecretStr | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _looks_somewhere(self) -> Self:
        if not (self.searches or self.organisers or self.exports):
            raise ValueError("names no searches, organisers or exports")
        return self

    def model_post_init(self, context: Any, /) -> None:
        """Take the token from the secrets that `read_sources` was given; a token in the file is an error."""
        self._token = (context or {}).get("EVENTBRITE_TOKEN")

    @property
    def credentials(self) -> dict[str, str]:
        """Headers for the API; empty without a token."""
        return {"Authorization": f"Bearer {self._token.get_secret_value()}"} if self._token else {}


def collect(settings: Settings, fetcher: Fetcher, today: date) -> Iterator[Finding]:
    """The events of all searches, organisers and exports."""
    if settings.exports:
        requests = [settings.request(export) for export in settings.exports]
        yield from read_places(settings, fetcher, requests, _read_export)
    seeds = [
        Seed(f"{settings.site}/d/{search.place}/{quote(search.keyword, safe='')}/?page={number}")
        for search in settings.searches
        for number in range(1, settings.pages + 1)
    ]
    if settings.credentials:
        lists = [_asking(settings, organiser) for organiser in settings.organisers]
        alone = not (settings.exports or settings.searches)
        yield from read_lists(settings, fetcher, lists, read_events, alone=alone)
    else:
        seeds += [Seed(f"{settings.site}/o/{organiser}") for organiser in settings.organisers]
    limits = Limits(follow=("/e/",), depth=1, max_pages=settings.max_events, horizon_days=_HORIZON_DAYS)
    alone = not settings.exports and not (settings.credentials and settings.organisers)
    try:
        yield from crawl(settings, fetcher, today, seeds, limits, alone=alone)
    except SourceError as error:
        raise SourceError(
            settings.name,
            f"{error.reason}. Eventbrite shuts some machines out: set EVENTBRITE_TOKEN for organisers,"
            " or export a CSV elsewhere and list it under exports",
        ) from error


def _asking(settings: Settings, organiser: str) -> Asking:
    """For an organiser's events through the API."""
    events = f"{settings.api}/organizers/{organiser}/events/"

    def ask(number: int, continuation: str | None) -> Request:
        query = {"status": "live,canceled", "expand": "venue,organizer,ticket_availability"}
        if continuation:
            query["continuation"] = continuation
        return settings.request(
            f"{events}?{urlencode(query)}",
            credentials=settings.credentials,
            shown_as=f"{events} (page {number})",
        )

    return ask


def _read_export(page: Page, origin: Origin) -> Iterator[Sighting | Reject]:
    return read_table(decode(page.body, page.content_type), origin)
