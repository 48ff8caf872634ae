"""The Eventbrite API's lists of events (https://www.eventbrite.com/platform/api)."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.text import one_line, plain


class _Text(BaseModel):
    text: str | None = None


class _Moment(BaseModel):
    local: datetime
    timezone: str


class _Address(BaseModel):
    address_1: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    localized_address_display: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class _Venue(BaseModel):
    name: str | None = None
    address: _Address = Field(default_factory=_Address)


class _Price(BaseModel):
    major_value: str
    currency: str


class _Tickets(BaseModel):
    minimum_ticket_price: _Price | None = None
    maximum_ticket_price: _Price | None = None


class _Organiser(BaseModel):
    name: str | None = None


class _Event(BaseModel):
    id: str
    name: _Text
    start: _Moment
    end: _Moment | None = None
    description: _Text | None = None
    url: str = ""
    status: str = ""
    is_free: bool = False
    online_event: bool = False
    venue: _Venue | None = None
    ticket_availability: _Tickets | None = None
    organizer: _Organiser | None = None
    changed: str = ""


class _Paging(BaseModel):
    has_more_items: bool = False
    continuation: str | None = None


class _List(BaseModel):
    events: list[dict[str, Any]]
    pagination: _Paging = Field(default_factory=_Paging)


def read_events(body: bytes, origin: Origin) -> tuple[Iterator[Sighting | Reject], str | None]:
    """One page of a list.

    Args:
        body: the response.
        origin: where it was read.

    Returns:
        Its events, and the continuation token of the next page, if there is one.

    Raises:
        SourceError: it is not such a list.
    """
    try:
        page = _List.model_validate_json(body)
    except ValidationError as error:
        raise origin.failure("is not a list of Eventbrite events") from error
    more = page.pagination.continuation if page.pagination.has_more_items else None
    return (_sighting(event, origin) for event in page.events), more


def _sighting(event: dict[str, Any], origin: Origin) -> Sighting | Reject:
    raw = json.dumps(event, ensure_ascii=False)
    try:
        said = _Event.model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return origin.reject(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", raw)
    venue = said.venue or _Venue()
    address = venue.address
    price, currency = _price(said)
    return origin.sighting(
        reference=said.id,
        name=one_line(said.name.text or ""),
        start_date=said.start.local.date(),
        start_time=said.start.local.time().replace(tzinfo=None),
        end_date=said.end.local.date() if said.end else None,
        end_time=said.end.local.time().replace(tzinfo=None) if said.end else None,
        time_zone=said.start.timezone,
        description=plain((said.description and said.description.text) or ""),
        price=price,
        currency=currency,
        location="Online" if said.online_event else _location(venue),
        venue_name=venue.name or "",
        street=address.address_1 or "",
        city=address.city or "",
        region=address.region or "",
        postal_code=address.postal_code or "",
        country=address.country or "",
        latitude=address.latitude,
        longitude=address.longitude,
        organiser=(said.organizer and said.organizer.name) or "",
        url=said.url,
        cancelled=said.status == "canceled",
        updated=said.changed,
        raw=raw,
    )


def _location(venue: _Venue) -> str:
    return ", ".join(
        filter(None, (venue.name, venue.address.localized_address_display or venue.address.city))
    )


def _price(event: _Event) -> tuple[str, str | None]:
    if event.is_free:
        return "Free", None
    tickets = event.ticket_availability
    prices = [tickets.minimum_ticket_price, tickets.maximum_ticket_price] if tickets else []
    said = [price for price in prices if price]
    amounts = dict.fromkeys(price.major_value for price in said)
    return " - ".join(amounts), said[0].currency if said else None
