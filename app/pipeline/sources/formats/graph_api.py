"""The Facebook Graph API's lists of a page's events (https://developers.facebook.com/docs/graph-api)."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.formats.moments import read_moment
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.text import one_line, plain

FIELDS = (
    *("id", "name", "description", "start_time", "end_time", "timezone", "place", "owner"),
    *("is_canceled", "is_online", "event_times", "updated_time"),
)
"""What to ask for."""


class _Location(BaseModel):
    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class _Place(BaseModel):
    name: str | None = None
    location: _Location = Field(default_factory=_Location)


class _Owner(BaseModel):
    name: str | None = None


class _Time(BaseModel):
    id: str
    start_time: str
    end_time: str | None = None


class _Event(_Time):
    name: str
    description: str | None = None
    timezone: str | None = None
    place: _Place = Field(default_factory=_Place)
    owner: _Owner = Field(default_factory=_Owner)
    is_canceled: bool = False
    is_online: bool = False
    event_times: list[_Time] = Field(default_factory=list)
    updated_time: str | None = None


class _Cursors(BaseModel):
    after: str | None = None


class _Paging(BaseModel):
    cursors: _Cursors = Field(default_factory=_Cursors)
    next: str | None = None


class _List(BaseModel):
    data: list[dict[str, Any]]
    paging: _Paging = Field(default_factory=_Paging)


def read_events(body: bytes, origin: Origin) -> tuple[Iterator[Sighting | Reject], str | None]:
    """One page of a list.

    Args:
        body: the response.
        origin: where it was read.

    Returns:
        Its events, one sighting for each of an event's times, and the cursor of the next page. The link
        `next` is not used: it carries the token.

    Raises:
        SourceError: it is not such a list.
    """
    try:
        page = _List.model_validate_json(body)
    except ValidationError as error:
        raise origin.failure("is not a list of Facebook events") from error
    more = page.paging.cursors.after if page.paging.next else None
    return (finding for event in page.data for finding in _findings(event, origin)), more


def _findings(event: dict[str, Any], origin: Origin) -> Iterator[Sighting | Reject]:
    raw = json.dumps(event, ensure_ascii=False)
    try:
        said = _Event.model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        yield origin.reject(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", raw)
        return
    for time in said.event_times or [said]:
        yield _sighting(said, time, origin, raw)


def _sighting(event: _Event, time: _Time, origin: Origin, raw: str) -> Sighting | Reject:
    try:
        start = read_moment(time.start_time)
        end = read_moment(time.end_time).seen_from(start) if time.end_time else None
    except (ValueError, OverflowError) as error:
        return origin.reject(str(error), raw)
    where = event.place.location
    parts = (event.place.name, where.street, where.city, where.state, where.zip, where.country)
    return origin.sighting(
        reference=time.id,
        name=one_line(event.name),
        start_date=start.day,
        start_time=start.clock,
        end_date=end.day if end else None,
        end_time=end.clock if end else None,
        time_zone=event.timezone or start.zone,
        description=plain(event.description or ""),
        location="Online" if event.is_online else ", ".join(filter(None, parts)),
        venue_name=event.place.name or "",
        street=where.street or "",
        city=where.city or "",
        region=where.state or "",
        postal_code=where.zip or "",
        country=where.country or "",
        latitude=where.latitude,
        longitude=where.longitude,
        organiser=event.owner.name or "",
        url=f"https://www.facebook.com/events/{time.id}/",
        cancelled=event.is_canceled,
        updated=event.updated_time or "",
        raw=raw,
    )
