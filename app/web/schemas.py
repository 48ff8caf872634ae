"""What the API says and takes, as JSON."""

from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema
from sqlalchemy import Row

Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
"""An event's key: kept for ever."""


# JSON Schema's "time" is an instant's and wants an offset.
LocalTime = Annotated[
    time, WithJsonSchema({"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"})
]


class Venue(BaseModel):
    """Where an event takes place."""

    name: str
    street: str | None
    city: str | None
    region: str | None = Field(description="province or state, as a code")
    postal_code: str | None
    country: str | None = Field(description="ISO 3166-1 alpha-2")
    latitude: float | None = Field(description="degrees north, WGS 84")
    longitude: float | None = Field(description="degrees east, WGS 84")


class Event(BaseModel):
    """One occurrence of a dance."""

    key: str = Field(description="kept for ever: the same event has the same key tomorrow")
    name: str
    description: str = Field(description="plain text")
    starts_at: datetime
    ends_at: datetime | None
    time_zone: str = Field(description="IANA name; the local_* are the same instants there")
    local_start_date: date
    local_start_time: LocalTime | None = Field(description="null: the source gives a day and no time")
    local_end_date: date | None
    local_end_time: LocalTime | None
    event_type: str
    dance_styles: list[str]
    price_text: str = Field(description="as the source wrote it")
    price_low: float | None
    price_high: float | None
    currency: str | None = Field(description="ISO 4217")
    is_free: bool | None
    cancelled: bool
    organiser: str
    source: str
    url: str | None = Field(description="the event's own page")
    venue: Venue | None

    @classmethod
    def of(cls, row: Row[*tuple[object, ...]]) -> Self:
        """An event from a row of `listing.events_with_venues`."""
        fields = dict(row._mapping)  # noqa: SLF001 - public despite its name
        venue = {name: fields.pop(f"venue_{name}") for name in Venue.model_fields}
        return cls.model_validate(fields | {"venue": venue if venue["name"] else None})


class EventPage(BaseModel):
    """Some events in the order of their days, and where to go on."""

    events: list[Event]
    next: str | None = Field(description="cursor of the next page; null: this is the last")


class ReportKind(StrEnum):
    """What a visitor may say about an event."""

    WRONG = "wrong"
    CANCELLED = "cancelled"


class Report(BaseModel):
    """A visitor's word about an event."""

    model_config = ConfigDict(extra="forbid")

    kind: ReportKind
    message: Annotated[
        str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$", strip_whitespace=True)
    ] = ""


class Receipt(BaseModel):
    """What became of a report."""

    id: int
    event_key: str
    kind: ReportKind
    reported_at: datetime


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = Field(
        default=None, description="one for each wrong parameter or field"
    )
