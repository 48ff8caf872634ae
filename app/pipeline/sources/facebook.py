"""Source `facebook`: events of pages through the Graph API, and a person's iCal export."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import Field, PrivateAttr, SecretStr, StringConstraints

from app.pipeline.event import Finding, Reject, Sighting
from app.pipeline.sources.entry import Address, Entry
from app.pipeline.sources.failures import SourceSkippedError
from app.pipeline.sources.fetching import Fetcher, Page, Request
from app.pipeline.sources.formats.calendar import read_calendar
from app.pipeline.sources.formats.graph_api import FIELDS, read_events
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.text import decode
from app.pipeline.sources.paging import Asking, read_lists
from app.pipeline.sources.places import read_page

_EXPORT = "Facebook iCal export"


class Settings(Entry):
    """An entry of kind `facebook`."""

    kind: Literal["facebook"]
    pages: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.]+$")], ...] = ()
    """Ids or names of pages whose events are read with FACEBOOK_TOKEN."""
    horizon_days: int = Field(default=120, ge=1, le=730)
    """How many days from today the iCal export's recurring events are written out."""
    graph: Address = "https://graph.facebook.com/v24.0"
    """The API's address."""
    _token: SecretStr | None = PrivateAttr(default=None)
    _export: SecretStr | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any, /) -> None:
        """Take token and export address from the secrets that `read_sources` was given."""
        self._token = (context or {}).get("FACEBOOK_TOKEN")
        self._export = (context or {}).get("FACEBOOK_ICAL_URL")

    @property
    def credentials(self) -> dict[str, str]:
        """Headers for the API; empty without a token."""
        return {"Authorization": f"Bearer {self._token.get_secret_value()}"} if self._token else {}

    @property
    def export(self) -> str | None:
        """The address of the iCal export, itself a secret."""
        return self._export.get_secret_value().replace("webcal://", "https://", 1) if self._export else None


def collect(settings: Settings, fetcher: Fetcher, today: date) -> Iterator[Finding]:
    """The events of all pages, and those of the iCal export."""
    with_token = settings.pages if settings.credentials else ()
    if not with_token and not settings.export:
        wanted = ("FACEBOOK_TOKEN", "FACEBOOK_ICAL_URL") if settings.pages else ("FACEBOOK_ICAL_URL",)
        raise SourceSkippedError(settings.name, wanted)
    lists = [_asking(settings, page) for page in with_token]
    yield from read_lists(settings, fetcher, lists, read_events, alone=not settings.export)
    if settings.export:
        request = settings.request(settings.export, today=today, shown_as=_EXPORT)
        last = today + timedelta(days=settings.horizon_days)
        read = partial(_read_export, first=today, last=last)
        yield from read_page(settings, fetcher, fetcher.read(request), read)


def _asking(settings: Settings, page_id: str) -> Asking:
    """For a page's coming events."""
    events = f"{settings.graph}/{page_id}/events"

    def ask(number: int, after: str | None) -> Request:
        query = {"fields": ",".join(FIELDS), "time_filter": "upcoming", "limit": "50"}
        if after:
            query["after"] = after
        return settings.request(
            f"{events}?{urlencode(query)}",
            credentials=settings.credentials,
            shown_as=f"{events} (page {number})",
        )

    return ask


def _read_export(page: Page, origin: Origin, *, first: date, last: date) -> Iterator[Sighting | Reject]:
    return read_calendar(decode(page.body, page.content_type), origin, first, last)
